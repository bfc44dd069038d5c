/* A fake guest with an instruction at RIP and an EPT violation on its operand. */
#pragma once
#include "tools/unit/fake_guest.h"
#include "vmm/mmio.h"

#define READ        1u
#define WRITE       2u
#define FETCH       4u
#define LINEAR      (BIT(7) | BIT(8)) /* the linear address is valid, and the access the final one */
#define NMI_IRET    BIT(12)
#define WINDOW      LOW_END /* the empty VGA window */
#define HPET        0xfed00000ull
#define DATA        0x8000ull
#define CODE(bytes) (bytes), sizeof(bytes) - 1

static void mapped(enum mode to)
{
    guest_new(to);
    if (to < PAGED32)
        return;
    identity(0, 0xd0000, PTE_RW);
    map(HPET, HPET, PTE_RW);
    map(LAPIC_BASE, LAPIC_BASE, PTE_RW);
    map(IOAPIC_BASE, IOAPIC_BASE, PTE_RW);
    exited();
}

static void code(const char *bytes, size_t len)
{
    fill(RIP, 0x90, 32);
    memcpy(ram(RIP), bytes, len);
}

static UNUSED enum verdict violation(u64 at, u64 qual)
{
    x.gla = at;
    x.gpa = (gpa_t){at};
    x.qual = qual;
    return on_ept_violation(v, &x);
}
