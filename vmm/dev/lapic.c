/* Local APIC in xAPIC mode; see lapic.h.  The errors are those of SDM Vol. 3A, "Error Handling",
 * the state while software-disabled that of "Local APIC State After It Has Been Software
 * Disabled".  Pure. */
#include "vmm/dev/lapic.h"
#include "vmm/dev/lapic_timer.h"

/* Integrated APIC of the Pentium 4 and later, LVT_COUNT entries, no suppression of EOI broadcasts.
 */
#define VERSION (0x14u | (LVT_COUNT - 1) << 16)

// clang-format off
enum {
    REG_ID = 0x020, REG_VERSION = 0x030, REG_TPR = 0x080, REG_APR = 0x090, REG_PPR = 0x0a0,
    REG_EOI = 0x0b0, REG_RRD = 0x0c0, REG_LDR = 0x0d0, REG_DFR = 0x0e0, REG_SVR = 0x0f0,
    REG_ISR = 0x100, REG_TMR = 0x180, REG_IRR = 0x200, REG_BITMAPS_END = 0x280, REG_ESR = 0x280,
    REG_ICR_LOW = 0x300, REG_ICR_HIGH = 0x310, REG_LVT = 0x320, REG_LVT_LAST = 0x370,
    REG_INITIAL_COUNT = 0x380, REG_CURRENT_COUNT = 0x390, REG_DIVIDE = 0x3e0,
};
enum { ESR_SEND_ILLEGAL_VECTOR = 0x20, ESR_RECEIVED_ILLEGAL_VECTOR = 0x40, ESR_ILLEGAL_REGISTER = 0x80 };
enum { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };
// clang-format on

#define FIRST_VECTOR  16u
#define SVR_ENABLE    0x100u
#define SVR_WRITABLE  0x1ffu
#define ICR_WRITABLE  0xccfffu
#define ICR_LOGICAL   0x800u
#define ID_BITS       0xff000000u /* of ID, LDR and ICR_HIGH */
#define DFR_ONES      0x0fffffffu
#define MODEL_CLUSTER 0x0u
#define MODEL_FLAT    0xfu

static const u32 lvt_writable[LVT_COUNT] = {
    [LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERFMON] = 0x107ff,
    [LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff,   [LVT_ERROR] = 0x100ff,
};

static void set(u64 bits[4], u32 n)
{
    bits[n / 64] |= BIT(n % 64);
}

static void clear(u64 bits[4], u32 n)
{
    bits[n / 64] &= ~BIT(n % 64);
}

static bool has(const u64 bits[4], u32 n)
{
    return bits[n / 64] >> (n % 64) & 1;
}

/* The highest bit that is set; -1: none. */
static int highest(const u64 bits[4])
{
    for (int i = 3; i >= 0; i--)
        if (bits[i])
            return i * 64 + 63 - __builtin_clzll(bits[i]);
    return LAPIC_NO_VECTOR;
}

static u32 delivery_mode(u32 reg)
{
    return reg >> 8 & 7;
}

/* Notes errors.  Those of the error interrupt itself raise no further one. */
static NOINLINE void error(struct lapic *l, u32 errors)
{
    if ((errors & ~l->esr_pending) == 0)
        return;
    l->esr_pending |= errors;
    const u32 lvt = l->lvt[LVT_ERROR];
    const u32 vector = lvt & 0xff;
    if (lvt & LVT_MASKED)
        return;
    if (vector < FIRST_VECTOR)
        l->esr_pending |= ESR_RECEIVED_ILLEGAL_VECTOR;
    else
        set(l->irr, vector); /* an unmasked entry: the APIC is enabled */
}

static bool accept(struct lapic *l, u8 vector)
{
    if (!(l->svr & SVR_ENABLE))
        return false;
    if (unlikely(vector < FIRST_VECTOR)) {
        error(l, ESR_RECEIVED_ILLEGAL_VECTOR);
        return false;
    }
    set(l->irr, vector);
    return true;
}

void lapic_post(struct lapic *l, u8 vector)
{
    if (accept(l, vector))
        clear(l->tmr, vector);
}

void lapic_message(struct lapic *l, const struct apic_message *m)
{
    if (m->mode == DELIVER_NMI)
        l->nmi = true;
    else if (m->mode <= DELIVER_LOWEST && !m->level)
        lapic_post(l, m->vector);
    else if (m->mode <= DELIVER_LOWEST && accept(l, m->vector))
        set(l->tmr, m->vector);
}

static u32 processor_priority(const struct lapic *l)
{
    const int vector = highest(l->isr);
    const u32 in_service = vector < 0 ? 0 : (u32)vector & 0xf0;
    return (l->tpr & 0xf0) >= in_service ? l->tpr : in_service;
}

int lapic_pending(const struct lapic *l)
{
    const int vector = highest(l->irr);
    if (likely(vector < 0))
        return LAPIC_NO_VECTOR;
    return (u32)vector >> 4 > processor_priority(l) >> 4 ? vector : LAPIC_NO_VECTOR;
}

u8 lapic_ack(struct lapic *l)
{
    const int vector = lapic_pending(l);
    if (vector < 0)
        return (u8)l->svr; /* the spurious-interrupt vector */
    clear(l->irr, (u32)vector);
    set(l->isr, (u32)vector);
    return (u8)vector;
}

u8 lapic_lend(struct lapic *l)
{
    const int vector = highest(l->isr);
    if (vector < 0 || has(l->tmr, (u32)vector) || lapic_has_requests(l))
        return 0;
    clear(l->isr, (u32)vector);
    if (highest(l->isr) < 0)
        return (u8)vector;
    set(l->isr, (u32)vector);
    return 0;
}

void lapic_take_back(struct lapic *l, u8 vector)
{
    set(l->isr, vector);
}

static void end_of_interrupt(struct lapic *l)
{
    const int vector = highest(l->isr);
    if (vector < 0)
        return;
    clear(l->isr, (u32)vector);
    if (unlikely(has(l->tmr, (u32)vector)))
        l->eoi = vector;
}

bool lapic_takes_extint(const struct lapic *l)
{
    const u32 lint0 = l->lvt[LVT_LINT0];
    return !(lint0 & LVT_MASKED) && delivery_mode(lint0) == DELIVER_EXTINT;
}

static void write_lvt(struct lapic *l, u32 entry, u32 value, u64 now)
{
    const u32 allowed = (value & lvt_writable[entry]) | (l->svr & SVR_ENABLE ? 0 : LVT_MASKED);

    if (entry == LVT_TIMER)
        lapic_timer_write_lvt(l, allowed, now);
    else
        l->lvt[entry] = allowed;
}

static void write_svr(struct lapic *l, u32 value)
{
    l->svr = value & SVR_WRITABLE;
    if (l->svr & SVR_ENABLE)
        return;
    for (unsigned i = 0; i < LVT_COUNT; i++)
        l->lvt[i] |= LVT_MASKED;
    l->deadline = LAPIC_NEVER;
}

/* ---- timer ---- */

void lapic_tick(struct lapic *l, u64 now)
{
    if (likely(now < l->deadline) || l->deadline == LAPIC_NEVER)
        return;
    lapic_post(l, (u8)l->lvt[LVT_TIMER]);
    lapic_timer_next(l, now);
}

void lapic_set_tsc_deadline(struct lapic *l, u64 deadline, u64 guest_now, u64 now)
{
    lapic_tick(l, now); /* the old one may have come */
    lapic_timer_set_deadline(l, deadline, guest_now, now);
}

u64 lapic_tsc_deadline(struct lapic *l, u64 now)
{
    lapic_tick(l, now);
    return lapic_timer_deadline(l, now);
}

/* ---- interprocessor interrupts ---- */

static bool logical_match(const struct lapic *l, u32 mda)
{
    const u32 ours = l->ldr >> 24;
    switch (l->dfr >> 28) {
    case MODEL_FLAT: return (ours & mda) != 0;
    case MODEL_CLUSTER: return ours >> 4 == mda >> 4 && (ours & mda & 0xf) != 0;
    default: return false;
    }
}

bool lapic_is_destination(const struct lapic *l, u8 destination, bool logical)
{
    if (destination == 0xff) /* broadcast, in both modes */
        return true;
    return logical ? logical_match(l, destination) : destination == l->id;
}

static bool reaches_us(const struct lapic *l)
{
    switch (l->icr_low >> 18 & 3) {
    case TO_SELF:
    case TO_ALL: return true;
    case TO_OTHERS: return false;
    default: return lapic_is_destination(l, (u8)(l->icr_high >> 24), l->icr_low & ICR_LOGICAL);
    }
}

/* INIT, SIPI and SMI reach nobody: neither another processor nor SMM exists. */
static void write_icr(struct lapic *l, u32 value)
{
    l->icr_low = value & ICR_WRITABLE;
    const u32 mode = delivery_mode(value);
    const u8 vector = (u8)value;
    if (mode == DELIVER_FIXED || mode == DELIVER_LOWEST) {
        if (unlikely(vector < FIRST_VECTOR))
            error(l, ESR_SEND_ILLEGAL_VECTOR);
        if (reaches_us(l))
            lapic_post(l, vector);
    } else if (mode == DELIVER_NMI && reaches_us(l)) {
        l->nmi = true;
    }
}

/* ---- registers ---- */

void lapic_reset(struct lapic *l, u32 id)
{
    *l = (struct lapic){.id = id & 0xff,
                        .dfr = ~0u,
                        .svr = SVR_ENABLE | 0xff,
                        .deadline = LAPIC_NEVER,
                        .eoi = LAPIC_NO_VECTOR};
    for (unsigned i = 0; i < LVT_COUNT; i++)
        l->lvt[i] = LVT_MASKED;
    l->lvt[LVT_LINT0] = DELIVER_EXTINT << 8;
    l->lvt[LVT_LINT1] = DELIVER_NMI << 8;
}

/* A word of ISR, TMR or IRR. */
static u32 read_bitmap(const struct lapic *l, u32 offset)
{
    const u32 word = offset >> 4 & 7;
    const u64 *bits = l->irr;
    if (offset < REG_TMR)
        bits = l->isr;
    else if (offset < REG_IRR)
        bits = l->tmr;
    return (u32)(bits[word / 2] >> (word % 2 * 32));
}

u32 lapic_read(struct lapic *l, u32 offset, u64 now)
{
    if (!IS_ALIGNED(offset, 16))
        return 0;
    lapic_tick(l, now);
    if (offset >= REG_ISR && offset < REG_BITMAPS_END)
        return read_bitmap(l, offset);
    if (offset >= REG_LVT && offset <= REG_LVT_LAST)
        return l->lvt[(offset - REG_LVT) >> 4];
    switch (offset) {
    case REG_ID: return l->id << 24;
    case REG_VERSION: return VERSION;
    case REG_TPR: return l->tpr;
    case REG_PPR: return processor_priority(l);
    case REG_LDR: return l->ldr;
    case REG_DFR: return l->dfr;
    case REG_SVR: return l->svr;
    case REG_ESR: return l->esr;
    case REG_ICR_LOW: return l->icr_low;
    case REG_ICR_HIGH: return l->icr_high;
    case REG_INITIAL_COUNT: return l->initial_count;
    case REG_CURRENT_COUNT: return lapic_timer_count(l, now);
    case REG_DIVIDE: return l->divide;
    case REG_EOI: /* write-only */
    case REG_APR: /* not there since the Pentium 4, and no error */
    case REG_RRD: return 0;
    default: error(l, ESR_ILLEGAL_REGISTER); return 0;
    }
}

static bool read_only(u32 offset)
{
    switch (offset) {
    case REG_ID:
    case REG_VERSION:
    case REG_APR:
    case REG_PPR:
    case REG_RRD:
    case REG_CURRENT_COUNT: return true;
    default: return offset >= REG_ISR && offset < REG_BITMAPS_END;
    }
}

static NOINLINE void write_rare(struct lapic *l, u32 offset, u32 value, u64 now)
{
    switch (offset) {
    case REG_LDR: l->ldr = value & ID_BITS; return;
    case REG_DFR: l->dfr = value | DFR_ONES; return;
    case REG_SVR: write_svr(l, value); return;
    case REG_DIVIDE: lapic_timer_divide(l, value, now); return;
    case REG_ESR:
        l->esr = l->esr_pending;
        l->esr_pending = 0;
        return;
    default: break;
    }
    if (offset >= REG_LVT && offset <= REG_LVT_LAST)
        write_lvt(l, (offset - REG_LVT) >> 4, value, now);
    else if (!read_only(offset))
        error(l, ESR_ILLEGAL_REGISTER);
}

void lapic_write(struct lapic *l, u32 offset, u32 value, u64 now)
{
    if (!IS_ALIGNED(offset, 16))
        return;
    lapic_tick(l, now); /* what was due came before this write */
    switch (offset) {
    case REG_EOI: end_of_interrupt(l); return;
    case REG_INITIAL_COUNT: lapic_timer_start(l, value, now); return;
    case REG_ICR_LOW: write_icr(l, value); return;
    case REG_ICR_HIGH: l->icr_high = value & ID_BITS; return;
    case REG_TPR: l->tpr = value & 0xff; return;
    default: write_rare(l, offset, value, now); return;
    }
}
