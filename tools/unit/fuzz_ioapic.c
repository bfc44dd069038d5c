/* The I/O APIC under random register accesses, input changes, EOIs and takers.  Invariants: what
 * waits is unmasked, active or an edge, and not with a local APIC already; only level-triggered
 * pins have a remote IRR; reserved bits stay clear; taking all ends; what is taken comes from
 * the lowest pin's entry.  Input: records of {operation, offset or pin, 4 bytes value}. */
#include "lib/mem.h"
#include "vmm/dev/ioapic.h"
#include <stdlib.h>

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c))                                                                                  \
            abort();                                                                               \
    } while (0)

#define RECORD     6
#define ALL_PINS   (BIT32(IOAPIC_PINS) - 1)
#define ACTIVE_LOW 0x2000u
#define LEVEL      0x8000u
#define MASKED     0x10000u

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static bool is_level(u64 entry)
{
    return (entry & LEVEL) && (entry >> 8 & 7) < 2;
}

static void check(const struct ioapic *a)
{
    CHECK(((a->lines | a->edges | a->remote_irr | a->waiting) & ~ALL_PINS) == 0);
    CHECK((a->id & ~0x0f000000u) == 0);
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        const u64 entry = a->redirect[pin];
        const bool active = (a->lines >> pin & 1) != !!(entry & ACTIVE_LOW);
        const bool waits = a->waiting >> pin & 1, remote = a->remote_irr >> pin & 1;
        const bool edge = a->edges >> pin & 1;
        CHECK((entry & ~0xff0000000001afffull) == 0);
        CHECK(!remote || is_level(entry));
        CHECK(!edge || (!is_level(entry) && !(entry & MASKED)));
        CHECK(waits == (!(entry & MASKED) && (is_level(entry) ? active && !remote : edge)));
    }
}

static void take_all(struct ioapic *a)
{
    struct apic_message m;
    unsigned taken = 0;
    for (u32 waiting = a->waiting; ioapic_take(a, &m); waiting = a->waiting) {
        const unsigned pin = (unsigned)__builtin_ctz(waiting);
        const u64 entry = a->redirect[pin];
        CHECK(m.vector == (u8)entry && m.mode == (entry >> 8 & 7));
        CHECK(m.destination == entry >> 56 && m.logical == !!(entry & 0x800));
        CHECK(m.level == is_level(entry) && m.level == (a->remote_irr >> pin & 1));
        CHECK((a->waiting >> pin & 1) == 0 && ++taken <= IOAPIC_PINS);
        check(a);
    }
    CHECK(a->waiting == 0);
}

static void act(struct ioapic *a, const u8 *r)
{
    u32 value;
    memcpy(&value, r + 2, sizeof(value));
    switch (r[0] % 8) {
    case 0: ioapic_toggle(a, r[1] % IOAPIC_PINS); return;
    case 1: ioapic_eoi(a, (u8)value); return;
    case 2: take_all(a); return;
    case 3: (void)ioapic_read(a, value % IOAPIC_SIZE); return;
    case 4: ioapic_write(a, value % IOAPIC_SIZE, r[1]); return;
    case 5:
        if (r[1] == 0)
            ioapic_reset(a);
        return;
    default:
        ioapic_write(a, 0, r[1] % 0x48);
        ioapic_write(a, 0x10, value);
        return;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct ioapic a = {0};
    ioapic_reset(&a);
    for (size_t at = 0; at + RECORD <= size; at += RECORD) {
        act(&a, data + at);
        check(&a);
    }
    take_all(&a);
    return 0;
}
