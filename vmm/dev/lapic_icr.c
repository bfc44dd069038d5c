/* Interprocessor interrupts: what goes out, and for whom; see lapic.h.  SDM Vol. 3A, "Issuing
 * Interprocessor Interrupts", "Determining IPI Destination", "Determining IPI Destination in x2APIC
 * Mode".  Pure. */
#include "vmm/dev/lapic_icr.h"
#include "lib/atomic.h"
#include "vmm/dev/lapic_registers.h"
#include "vmm/dev/lapic_vectors.h"

#define ICR_LOGICAL        0x800u
#define ICR_ASSERT         0x4000u
#define ICR_LEVEL          0x8000u
#define BROADCAST          0xffu
#define BROADCAST_WIDE     0xffffffffu
#define MODEL_CLUSTER      0x0u
#define MODEL_FLAT         0xfu
#define LDR_X2APIC_CLUSTER 16

/* ---- sending ---- */

void lapic_self_ipi(struct lapic *l, u8 vector)
{
    if (unlikely(vector < FIRST_VECTOR))
        lapic_error(l, ESR_SEND_ILLEGAL_VECTOR);
    lapic_post(l, vector);
}

/* To oneself there are only interrupts: the manual's table of valid combinations allows no more
 * than fixed ones, processors do the NMI too. */
static void send_to_self(struct lapic *l, u32 mode, u8 vector)
{
    if (mode <= DELIVER_LOWEST)
        lapic_self_ipi(l, vector);
    else if (mode == DELIVER_NMI)
        l->nmi = true;
}

/* There is no SMM; the rest is reserved, and INIT level de-assert does nothing since the
 * Pentium 4. */
static bool goes_out(u32 low, u32 mode)
{
    switch (mode) {
    case DELIVER_FIXED:
    case DELIVER_LOWEST:
    case DELIVER_NMI:
    case DELIVER_STARTUP: return true;
    case DELIVER_INIT: return (low & (ICR_LEVEL | ICR_ASSERT)) != ICR_LEVEL;
    default: return false;
    }
}

static NOINLINE void send(struct lapic *l, u32 low, u32 mode)
{
    const bool wide = lapic_mode(l) == LAPIC_X2APIC;

    if (!goes_out(low, mode))
        return;
    if (mode <= DELIVER_LOWEST && (low & 0xff) < FIRST_VECTOR)
        lapic_error(l, ESR_SEND_ILLEGAL_VECTOR);
    /* An IPI is an edge, whatever its trigger mode says. */
    l->ipi_message = (struct apic_message){.destination = wide ? l->icr_high : l->icr_high >> 24,
                                           .vector = (u8)low,
                                           .mode = (u8)mode,
                                           .shorthand = (u8)(low >> 18 & 3),
                                           .logical = (low & ICR_LOGICAL) != 0,
                                           .wide = wide};
    l->ipi = true;
}

void lapic_write_icr(struct lapic *l, u32 low)
{
    const u32 mode = low >> 8 & 7;

    l->icr_low = low & ICR_WRITABLE;
    if ((low >> 18 & 3) == APIC_TO_SELF)
        send_to_self(l, mode, (u8)low);
    else
        send(l, low, mode);
}

bool lapic_take_ipi(struct lapic *l, struct apic_message *m)
{
    if (!l->ipi)
        return false;
    l->ipi = false;
    *m = l->ipi_message;
    return true;
}

/* ---- for whom ---- */

static bool logical_match(const struct lapic *l, u32 mda)
{
    const u32 ldr = READ_ONCE(l->ldr), ours = ldr >> 24;

    if (lapic_mode(l) == LAPIC_X2APIC)
        return ldr >> LDR_X2APIC_CLUSTER == mda >> LDR_X2APIC_CLUSTER && (ldr & mda & 0xffff) != 0;
    if (mda > BROADCAST) /* no such place in xAPIC mode */
        return false;
    switch (READ_ONCE(l->dfr) >> 28) {
    case MODEL_FLAT: return (ours & mda) != 0;
    case MODEL_CLUSTER: return ours >> 4 == mda >> 4 && (ours & mda & 0xf) != 0;
    default: return false;
    }
}

/* Eight bits from the I/O APIC or a local APIC in xAPIC mode mean the same to a local APIC in
 * x2APIC mode with zeroes above, but for the broadcast. */
bool lapic_is_destination(const struct lapic *l, const struct apic_message *m,
                          const struct lapic *from)
{
    if (lapic_mode(l) == LAPIC_OFF)
        return false;
    switch (m->shorthand) {
    case APIC_TO_SELF: return l == from;
    case APIC_TO_ALL: return true;
    case APIC_TO_OTHERS: return l != from;
    default: break;
    }
    if (m->destination == (m->wide ? BROADCAST_WIDE : BROADCAST))
        return true;
    return m->logical ? logical_match(l, m->destination) : m->destination == l->id;
}

int lapic_arbitrate(const u16 priority[], u32 count, u32 *turn)
{
    u32 lowest = LAPIC_NO_CANDIDATE, best = count;

    for (u32 i = 0; i < count; i++) {
        const u32 at = (*turn % count + 1 + i) % count;

        if (priority[at] < lowest) {
            lowest = priority[at];
            best = at;
        }
    }
    if (best == count)
        return -1;
    *turn = best;
    return (int)best;
}
