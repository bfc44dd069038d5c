/* Guest-physical addresses that are neither RAM nor nothing: the MMIO table.  Pure. */
#pragma once
#include "lib/types.h"

enum mmio_kind {
    MMIO_NONE,     /* no row: the guest is stopped */
    MMIO_OPEN_BUS, /* a PC has nothing there: reads as ones, writes are dropped */
    MMIO_LAPIC,    /* the vCPU's local APIC */
};

enum mmio_kind mmio_find(gpa_t gpa, u32 len);
