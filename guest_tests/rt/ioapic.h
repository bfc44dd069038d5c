/* The I/O APIC as its tests use it.  Intel 82093AA data sheet (290566). */
#pragma once
#include "guest_tests/rt/lapic.h"

#define IOAPIC      0xfec00000ull
#define REG_VERSION 0x01u
#define REG_ENTRY   0x10u
#define LOWEST      0x100u
#define LOGICAL     0x800u
#define ACTIVE_LOW  0x2000u
#define REMOTE_IRR  0x4000u
#define LEVEL       0x8000u

static inline u32 ioapic_get(u32 reg)
{
    *(volatile u32 *)IOAPIC = reg;
    return *(volatile u32 *)(IOAPIC + 0x10);
}

static inline void ioapic_put(u32 reg, u32 value)
{
    *(volatile u32 *)IOAPIC = reg;
    *(volatile u32 *)(IOAPIC + 0x10) = value;
}

/* A pin's entry; masked while its halves do not fit together. */
static inline void ioapic_route(u32 pin, u32 destination, u32 low)
{
    ioapic_put(REG_ENTRY + 2 * pin, MASKED);
    ioapic_put(REG_ENTRY + 2 * pin + 1, destination << 24);
    ioapic_put(REG_ENTRY + 2 * pin, low);
}
