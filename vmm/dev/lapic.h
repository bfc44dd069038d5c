/* The local APIC of one virtual processor, in xAPIC or x2APIC mode or switched off.  Its bus clock
 * is the TSC (CPUID leaf 0x15 says so to the guest).  It knows no other: an interprocessor
 * interrupt waits in it until the owner sends it.  Owner: its vCPU's; others may only ask
 * lapic_is_destination() and post into its mailbox (lapic_mail.h).
 * SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)".  Pure. */
#pragma once
#include "lib/types.h"
#include "pc.h"
#include "vmm/dev/apic_message.h"

#define LAPIC_SIZE      0x1000u
#define LAPIC_NO_VECTOR (-1)

/* IA32_APIC_BASE */
#define LAPIC_BASE_BSP  BIT(8)
#define LAPIC_BASE_EXTD BIT(10)
#define LAPIC_BASE_EN   BIT(11)

enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERFMON, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

/* The values are those of IA32_APIC_BASE's bits 11:10. */
enum lapic_mode { LAPIC_OFF = 0, LAPIC_XAPIC = 2, LAPIC_X2APIC = 3 };

struct lapic {
    /* Whom messages are for: others read it at any moment, in the middle of an INIT, too.  What
     * stays the same is never written. */
    u64 base; /* IA32_APIC_BASE */
    u8 mode;  /* enum lapic_mode, of base */
    u32 id;
    u32 id_register; /* as the guest reads it: shifted in xAPIC mode */
    u32 ldr, dfr;
    /* Its own. */
    u32 tpr, svr, esr, esr_pending;
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
    bool extint;      /* an ExtINT message came: the next vector is the 8259s' to give, as if LINT0
                         passed them; the caller clears it when it has taken one */
    u8 sipi_vector;
    int eoi; /* a level-triggered vector that was ended: the caller tells the I/O APIC, and
                sets it to LAPIC_NO_VECTOR again */
    /* What the caller takes and clears before the next entry; attention is not 0: something is. */
    union {
        struct {
            bool nmi;  /* an NMI was sent to this processor */
            bool init; /* INIT: lapic_init(), and the processor waits for SIPI */
            bool sipi; /* STARTUP with sipi_vector, after the INIT if there is one; for a processor
                          that waits */
            bool ipi;  /* lapic_take_ipi() */
        };
        u32 attention;
    };
    struct apic_message ipi_message;
};

/* As a PC's firmware leaves it: xAPIC mode, enabled, virtual wire (LINT0 ExtINT, LINT1 NMI), timer
 * masked.  id 0 is the bootstrap processor's. */
void lapic_reset(struct lapic *l, u32 id);
/* INIT: all but the mode and the ID.  A STARTUP that came after it stays.
 * SDM Vol. 3A, "Local APIC State After an INIT Reset ("Wait-for-SIPI" State)". */
void lapic_init(struct lapic *l);

static inline enum lapic_mode lapic_mode(const struct lapic *l)
{
    return (enum lapic_mode)l->mode;
}

/* A 32-bit register at `offset` (0..0xfff; only 16-byte-aligned offsets name one).  Reserved ones
 * read as 0 and set the error status register, as do writes to them.  For the guest in xAPIC mode
 * only: in the others nothing is at this place, and the caller answers as it does there. */
u32 lapic_read(struct lapic *l, u32 offset, u64 now);
void lapic_write(struct lapic *l, u32 offset, u32 value, u64 now);

void lapic_tick(struct lapic *l, u64 now);   /* the timer, if due; sets deadline anew */
void lapic_post(struct lapic *l, u8 vector); /* an edge-triggered interrupt with this vector */
/* Several fixed interrupts at once: bit n of `vectors` is vector 64 * word + n. */
void lapic_accept(struct lapic *l, u32 word, u64 vectors, bool level);
/* A message that came for this local APIC.  There is no SMM: SMIs reach nobody. */
void lapic_message(struct lapic *l, const struct apic_message *m);

/* Whether a message is for this local APIC, by shorthand or destination; `from` sent it, NULL: the
 * I/O APIC.  Lowest-priority messages are for one of those that say yes: lapic_arbitrate().  Any
 * CPU may ask. */
bool lapic_is_destination(const struct lapic *l, const struct apic_message *m,
                          const struct lapic *from);
/* What the guest sent to others; false: nothing (more). */
bool lapic_take_ipi(struct lapic *l, struct apic_message *m);

#define LAPIC_NO_CANDIDATE 0x100u
/* Lowest-priority delivery: the processor priorities of all local APICs, LAPIC_NO_CANDIDATE for
 * those that are not addressed or not enabled.  The index of the lowest; among equals, the first
 * after *turn, which becomes the result; -1: nobody. */
int lapic_arbitrate(const u16 priority[], u32 count, u32 *turn);
/* For lapic_arbitrate(): PPR, or LAPIC_NO_CANDIDATE while it takes no interrupts. */
u16 lapic_candidate(const struct lapic *l);

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
/* EOI, if nothing follows from it: no timer is due, nothing is requested that could be delivered
 * from now on, and no interrupt in service among the 64 vectors of the highest is level-triggered.
 * false: nothing was done. */
static inline bool lapic_end_alone(struct lapic *l, u64 now)
{
    if (unlikely(now >= l->deadline || lapic_has_requests(l)))
        return false;
#pragma GCC unroll 4
    for (u32 i = 4; i-- > 0;)
        if (l->isr[i]) {
            const u64 served = l->isr[i];

            if (unlikely(served & l->tmr[i]))
                return false;
            l->isr[i] = served ^ BIT(63 - (u32)__builtin_clzll(served));
            return true;
        }
    return true;
}
/* An interrupt that the guest sends to itself. */
void lapic_self_ipi(struct lapic *l, u8 vector);
/* Takes the only interrupt in service out of ISR, if its end is nobody else's matter: it is
 * edge-triggered, and no request waits behind it.  0: there is no such one.  The caller knows when
 * it ends, and if something looks at ISR before, puts it back. */
u8 lapic_lend(struct lapic *l);
void lapic_take_back(struct lapic *l, u8 vector);
int lapic_take(struct lapic *l); /* takes lapic_pending()'s vector from IRR to ISR */
u8 lapic_ack(struct lapic *l);   /* the same, after the CPU was told that there is one */
/* Whether the 8259s' INTR reaches the processor: through LINT0, for an ExtINT message, or because
 * the local APIC is off. */
bool lapic_takes_extint(const struct lapic *l);
