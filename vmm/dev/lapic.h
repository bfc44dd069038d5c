/* The local APIC of one virtual processor, in xAPIC mode.  Its bus clock is the TSC (CPUID
 * leaf 0x15 says so to the guest).  Other processors do not exist yet: an IPI reaches this one or
 * nobody.  SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)".  Pure. */
#pragma once
#include "lib/types.h"
#include "vmm/dev/ioapic.h"

#define LAPIC_BASE      0xfee00000ull
#define LAPIC_SIZE      0x1000u
#define LAPIC_NO_VECTOR (-1)

enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERFMON, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

struct lapic {
    u32 id, tpr, ldr, dfr, svr, esr, esr_pending;
    u32 icr_low, icr_high;
    u32 lvt[LVT_COUNT];
    u64 isr[4], irr[4], tmr[4]; /* bit n of the whole: vector n */
    u32 divide;                 /* divide configuration register */
    u32 initial_count;
    u64 started;      /* TSC at which the timer was started, or at which its period began */
    u64 tsc_deadline; /* TSC-deadline mode: as the guest wrote it, in its own TSC ... */
    u64 fires;        /* ... and the TSC that it means */
    u64 deadline;     /* TSC of the timer's next interrupt; ~0: not running, or masked */
    bool running;     /* the timer; as of the last look at it: a masked one-shot may have ended */
    int eoi;          /* a level-triggered vector that was ended: the caller tells the I/O APIC, and
                         sets it to LAPIC_NO_VECTOR again */
    bool nmi;         /* an NMI was sent to this processor: the caller takes and clears it */
};

/* As a PC's firmware leaves it: enabled, virtual wire (LINT0 ExtINT, LINT1 NMI), timer masked. */
void lapic_reset(struct lapic *l, u32 id);

/* A 32-bit register at `offset` (0..0xfff; only 16-byte-aligned offsets name one).  Reserved ones
 * read as 0 and set the error status register, as do writes to them. */
u32 lapic_read(struct lapic *l, u32 offset, u64 now);
void lapic_write(struct lapic *l, u32 offset, u32 value, u64 now);

void lapic_tick(struct lapic *l, u64 now);   /* the timer, if due; sets deadline anew */
void lapic_post(struct lapic *l, u8 vector); /* an edge-triggered interrupt with this vector */
/* A message that came for this local APIC.  SMIs and 8259s behind the sender are not its own. */
void lapic_message(struct lapic *l, const struct apic_message *m);
bool lapic_is_destination(const struct lapic *l, u8 destination, bool logical);

/* IA32_TSC_DEADLINE; the guest's own TSC is guest_now at `now`.  Writes do nothing, and reads give
 * 0, unless the timer is in that mode.  After the guest's TSC was moved, the deadline comes earlier
 * or later. */
void lapic_set_tsc_deadline(struct lapic *l, u64 deadline, u64 guest_now, u64 now);
u64 lapic_tsc_deadline(struct lapic *l, u64 now);
void lapic_tsc_moved(struct lapic *l, u64 guest_now, u64 now);

/* The vector to deliver next: the highest in IRR that is above the processor priority. */
int lapic_pending(const struct lapic *l);
static inline bool lapic_has_requests(const struct lapic *l)
{
    return l->irr[0] | l->irr[1] | l->irr[2] | l->irr[3];
}
/* Takes the only interrupt in service out of ISR, if its end is nobody else's matter: it is
 * edge-triggered, and no request waits behind it.  0: there is no such one.  The caller knows when
 * it ends, and if something looks at ISR before, puts it back. */
u8 lapic_lend(struct lapic *l);
void lapic_take_back(struct lapic *l, u8 vector);
u8 lapic_ack(struct lapic *l); /* takes lapic_pending()'s vector from IRR to ISR */
/* Whether the 8259s' INTR reaches the processor through LINT0. */
bool lapic_takes_extint(const struct lapic *l);
