/* The registers of a local APIC; see lapic.h.  The state while software-disabled is that of SDM
 * Vol. 3A, "Local APIC State After It Has Been Software Disabled".  Pure. */
#include "lib/atomic.h"
#include "lib/mem.h"
#include "vmm/dev/lapic_icr.h"
#include "vmm/dev/lapic_registers.h"
#include "vmm/dev/lapic_state.h"
#include "vmm/dev/lapic_timer.h"
#include "vmm/dev/lapic_vectors.h"

/* Integrated APIC of the Pentium 4 and later, LVT_COUNT entries, no suppression of EOI broadcasts.
 */
#define VERSION      (0x14u | (LVT_COUNT - 1) << 16)
#define SVR_WRITABLE 0x1ffu
#define ID_BITS      0xff000000u /* of LDR and ICR_HIGH */
#define DFR_ONES     0x0fffffffu

static const u32 lvt_writable[LVT_COUNT] = {
    [LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERFMON] = 0x107ff,
    [LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff,   [LVT_ERROR] = 0x100ff,
};

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

/* ---- modes ---- */

/* All that is its own. */
static void forget(struct lapic *l)
{
    memset((char *)l + offsetof(struct lapic, tpr), 0, sizeof(*l) - offsetof(struct lapic, tpr));
    l->svr = 0xff;
    l->deadline = LAPIC_NEVER;
    l->eoi = LAPIC_NO_VECTOR;
    for (unsigned i = 0; i < LVT_COUNT; i++)
        l->lvt[i] = LVT_MASKED;
}

void lapic_power_up(struct lapic *l, u32 id, u64 base)
{
    forget(l);
    l->base = base;
    l->id = id;
    l->ldr = 0;
    l->dfr = ~0u;
    lapic_mode_changed(l);
}

/* In x2APIC mode the logical ID is made of the other one: SDM Vol. 3A, "Deriving Logical x2APIC ID
 * from the Local x2APIC ID". */
void lapic_mode_changed(struct lapic *l)
{
    l->mode = l->base >> 10 & 3;
    const bool x2apic = l->mode == LAPIC_X2APIC;

    l->id_register = x2apic ? l->id : l->id << 24;
    if (x2apic)
        l->ldr = l->id >> 4 << 16 | BIT32(l->id & 0xf);
}

void lapic_reset(struct lapic *l, u32 id)
{
    lapic_power_up(l, id, LAPIC_BASE | LAPIC_BASE_EN | (id == 0 ? LAPIC_BASE_BSP : 0));
    l->svr |= SVR_ENABLE;
    l->lvt[LVT_LINT0] = DELIVER_EXTINT << 8;
    l->lvt[LVT_LINT1] = DELIVER_NMI << 8;
}

void lapic_init(struct lapic *l)
{
    const bool sipi = l->sipi;
    const u8 vector = l->sipi_vector;

    forget(l);
    l->sipi = sipi;
    l->sipi_vector = vector;
    if (lapic_mode(l) != LAPIC_X2APIC) /* there it follows from the ID */
        WRITE_ONCE(l->ldr, 0);
    WRITE_ONCE(l->dfr, ~0u);
}

/* ---- registers ---- */

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

static NOINLINE u32 illegal(struct lapic *l)
{
    lapic_error(l, ESR_ILLEGAL_REGISTER);
    return 0;
}

/* As the end of each function, and with the rare cases by themselves: so that a read saves no
 * registers. */
static inline __attribute__((always_inline)) u32 value_of(struct lapic *l, u32 offset, u64 now)
{
    if (offset >= REG_ISR && offset < REG_BITMAPS_END)
        return read_bitmap(l, offset);
    if (offset >= REG_LVT && offset <= REG_LVT_LAST)
        return l->lvt[(offset - REG_LVT) >> 4];
    switch (offset) {
    case REG_ID: return l->id_register;
    case REG_VERSION: return VERSION;
    case REG_TPR: return l->tpr;
    case REG_PPR: return lapic_priority(l);
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
    default: return illegal(l);
    }
}

static NOINLINE u32 read_when_due(struct lapic *l, u32 offset, u64 now)
{
    lapic_tick(l, now);
    return value_of(l, offset, now);
}

u32 lapic_read(struct lapic *l, u32 offset, u64 now)
{
    if (!IS_ALIGNED(offset, 16))
        return 0;
    if (unlikely(now >= l->deadline))
        return read_when_due(l, offset, now);
    return value_of(l, offset, now);
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
        lapic_error(l, ESR_ILLEGAL_REGISTER);
}

void lapic_write(struct lapic *l, u32 offset, u32 value, u64 now)
{
    if (!IS_ALIGNED(offset, 16))
        return;
    lapic_tick(l, now); /* what was due came before this write */
    switch (offset) {
    case REG_EOI: lapic_end_of_interrupt(l); return;
    case REG_INITIAL_COUNT: lapic_timer_start(l, value, now); return;
    case REG_ICR_LOW: lapic_write_icr(l, value); return;
    case REG_ICR_HIGH: l->icr_high = value & ID_BITS; return;
    case REG_TPR: l->tpr = value & 0xff; return;
    default: write_rare(l, offset, value, now); return;
    }
}
