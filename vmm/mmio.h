/* Guest-physical addresses that are neither RAM nor nothing: the MMIO table.  Pure. */
#pragma once
#include "lib/types.h"

enum mmio_kind {
    MMIO_NONE,     /* no row: the guest is stopped */
    MMIO_OPEN_BUS, /* a PC has nothing there: reads as ones, writes are dropped */
    MMIO_IOAPIC,   /* the board's I/O APIC */
    MMIO_LAPIC,    /* the vCPU's local APIC */
};

struct mmio_row {
    u64 first, last;
    enum mmio_kind kind;
    const char *name;
};

/* The rows, for tests and documents: NULL after the last. */
const struct mmio_row *mmio_row(u32 index);
enum mmio_kind mmio_find(gpa_t gpa, u32 len);
