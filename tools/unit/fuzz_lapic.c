/* The local APIC under random accesses to its registers and MSRs, messages, mail, posts,
 * acknowledgements and ticks, with a clock that leaps, steps back a little, and ends.  Invariants:
 * the deadline is that of the timer and lies ahead after a tick; what is pending is in IRR and
 * above PPR; ISR holds one vector of a priority class, and none higher is added below it; illegal
 * vectors are never in IRR or ISR; reserved bits stay clear; nothing but EOI, acknowledging, INIT
 * and switching it off takes a bit away; modes change as the manual allows; what is refused changes
 * nothing. Input: the start of the clock, then records of {operation, offset / 16, 4 bytes value,
 * clock step}. */
#include "lib/mem.h"
#include "vmm/dev/lapic_mail.h"
#include "vmm/dev/lapic_msr.h"
#include <stdlib.h>

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c))                                                                                  \
            abort();                                                                               \
    } while (0)

#define NEVER    (~0ull)
#define RECORD   7
#define MAX_SIZE 800 /* not half of the clock's range */
#define MASKED   0x10000u
#define MODE     0x60000u
#define DEADLINE 0x40000u

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static bool has(const u64 bits[4], int vector)
{
    return bits[vector / 64] >> (vector % 64) & 1;
}

static u32 in_class(const u64 bits[4], int priority_class)
{
    return bits[priority_class / 4] >> (priority_class % 4 * 16) & 0xffff;
}

static void check_priorities(struct lapic *l, u64 now)
{
    const u32 ppr = lapic_read(l, 0xa0, now); /* this looks at the timer too */
    const int pending = lapic_pending(l);
    CHECK(ppr >> 4 >= l->tpr >> 4 && ppr <= 0xff);
    for (int c = 0; c < 16; c++) {
        const u32 served = in_class(l->isr, c);
        CHECK((served & (served - 1)) == 0); /* a class does not interrupt itself */
        CHECK(!served || (int)(ppr >> 4) >= c);
        if (c > (int)(ppr >> 4) && in_class(l->irr, c))
            CHECK(pending >> 4 >= c);
    }
    CHECK(in_class(l->irr, 0) == 0 && in_class(l->isr, 0) == 0);
    CHECK(pending == LAPIC_NO_VECTOR || (has(l->irr, pending) && (u32)pending >> 4 > ppr >> 4));
}

static void check_registers(const struct lapic *l)
{
    const bool x2apic = lapic_mode(l) == LAPIC_X2APIC;

    for (unsigned i = 0; i < LVT_COUNT; i++) {
        CHECK((l->lvt[i] & ~0x7a7ffu) == 0);
        CHECK((l->svr & 0x100) || (l->lvt[i] & MASKED));
    }
    CHECK(in_class(l->tmr, 0) == 0);
    CHECK(!(l->icr_low & 0x1000) && (x2apic || !(l->icr_high & 0xffffff)));
    CHECK((l->esr & ~0xe0u) == 0 && (l->esr_pending & ~0xe0u) == 0);
    CHECK(l->tpr <= 0xff && l->id == 5 && (l->dfr & 0xfffffff) == 0xfffffff);
    CHECK(x2apic ? l->ldr == 0x20 : !(l->ldr & 0xffffff));
    CHECK(l->id_register == (x2apic ? 5 : 5u << 24));
    CHECK((l->base & ~0xc00ull) == LAPIC_BASE && (l->base >> 10 & 3) == (u64)lapic_mode(l));
    CHECK(lapic_mode(l) != LAPIC_OFF || (!(l->svr & 0x100) && !l->attention && !l->extint));
}

/* After a tick at `now`. */
static void check_timer(struct lapic *l, u64 now)
{
    CHECK(l->deadline > now || l->deadline == NEVER);
    CHECK(l->deadline == NEVER || (l->running && !(l->lvt[LVT_TIMER] & MASKED)));
    const u64 deadline = l->deadline;
    if ((l->lvt[LVT_TIMER] & MODE) == DEADLINE) {
        const u64 armed = lapic_tsc_deadline(l, now); /* this notes a masked one that has passed */
        CHECK(l->running == (armed != 0));
        CHECK(lapic_read(l, 0x390, now) == 0 && l->deadline == deadline);
        CHECK(deadline == NEVER || deadline == l->fires);
        return;
    }
    CHECK(lapic_tsc_deadline(l, now) == 0);
    CHECK(!l->running || l->initial_count != 0);
    const u32 count = lapic_read(l, 0x390, now);
    CHECK(l->deadline == deadline && count <= l->initial_count);
    CHECK(l->running == (count != 0));
    if (deadline != NEVER && now >= l->started) /* each count takes at most 128 ticks */
        CHECK(deadline - now <= (u64)count * 128);
    CHECK(l->running || deadline == NEVER);
}

static void base(struct lapic *l, u64 value, u64 now)
{
    const enum lapic_mode from = lapic_mode(l), to = (enum lapic_mode)(value >> 10 & 3);
    const struct lapic before = *l;
    const bool legal = (value & ~0xc00ull) == LAPIC_BASE && (int)to != 1 &&
                       !(from == LAPIC_X2APIC && to == LAPIC_XAPIC) &&
                       !(from == LAPIC_OFF && to == LAPIC_X2APIC);

    CHECK((lapic_write_base(l, value, now) == OK) == legal);
    CHECK(legal || memcmp(&before, l, sizeof(before)) == 0);
}

static void msr(struct lapic *l, const u8 *r, u32 value, u64 now)
{
    const u32 number = 0x7f8 + (r[1] & 0x7f) % 0x50;
    const u64 wide = r[1] & 0x80 ? (u64)value << 28 | value : value;
    const struct lapic before = *l;
    u64 got;

    if (lapic_msr_write(l, number, wide, now) != OK)
        CHECK(memcmp(&before, l, sizeof(before)) == 0);
    else
        CHECK(lapic_mode(l) == LAPIC_X2APIC && number >= 0x802 && number < 0x840);
    l->eoi = LAPIC_NO_VECTOR;
    if (lapic_msr_read(l, number, &got, now) == OK)
        CHECK(number == 0x830 || got >> 32 == 0);
}

/* Messages, by hand or by mail, and what the owner does with what has come. */
static void message(struct lapic *l, const u8 *r, u32 value)
{
    struct lapic_mail mail = {{0}, {0}, 0};
    const struct apic_message m = {.vector = (u8)value,
                                   .mode = r[1] & 7,
                                   .level = (r[1] & 0xf) < DELIVER_SMI,
                                   .destination = value >> 8,
                                   .shorthand = value >> 28 & 3,
                                   .logical = r[1] & 0x40,
                                   .wide = r[1] & 0x80};
    struct apic_message sent;

    (void)lapic_is_destination(l, &m, value & 0x1000 ? l : NULL);
    if (r[1] & 0x20) {
        const bool told = mail_post(&mail, &m);

        CHECK(mail_take(&mail, l) == told && !mail_take(&mail, l));
    } else {
        lapic_message(l, &m);
    }
    CHECK(!has(l->irr, m.vector) || m.mode > DELIVER_LOWEST || has(l->tmr, m.vector) == m.level ||
          !(l->svr & 0x100));
    if (lapic_take_ipi(l, &sent)) {
        CHECK(sent.mode != DELIVER_SMI && sent.mode < DELIVER_EXTINT && !sent.level);
        CHECK(sent.shorthand != APIC_TO_SELF && !lapic_take_ipi(l, &sent));
    }
}

/* INIT, and interrupts that the processor has taken. */
static void attend(struct lapic *l)
{
    const struct lapic before = *l;

    if (l->init)
        lapic_init(l);
    else
        l->attention = 0;
    CHECK(l->base == before.base && l->sipi == (before.init && before.sipi));
    l->extint = l->sipi = false;
}

static void act(struct lapic *l, const u8 *r, u64 now)
{
    u32 value;
    memcpy(&value, r + 2, sizeof(value));
    const u32 offset = (u32)r[1] << 4 | (r[0] >= 0xf0 ? value & 0xf : 0);
    switch (r[0] & 7) {
    case 0:
        if (r[1] & 0x10)
            lapic_post(l, (u8)value);
        else
            message(l, r, value);
        return;
    case 1: {
        const int want = lapic_pending(l);
        const u8 got = lapic_ack(l);
        CHECK(want < 0 ? got == (u8)l->svr : got == want && has(l->isr, got) && !has(l->irr, got));
        return;
    }
    case 2: /* the guest's clock is anywhere */
        if (r[1] & 1)
            lapic_set_tsc_deadline(l, (u64)value << (r[1] >> 2), now << (r[1] & 2), now);
        else if (r[1] & 2)
            lapic_tsc_moved(l, now + value, now);
        else
            lapic_tick(l, now);
        return;
    case 3: {
        if (r[0] & 0x80) {
            attend(l);
            return;
        }
        if (r[0] & 0x40) {
            base(l, LAPIC_BASE | (value & 0xc00) | (r[1] < 0x10 ? BIT(r[6] & 63) : 0), now);
            return;
        }
        if (r[0] & 0x20) {
            msr(l, r, value, now);
            return;
        }
        if (lapic_mode(l) != LAPIC_XAPIC)
            return;
        const u32 first = lapic_read(l, offset, now);
        CHECK(lapic_read(l, offset, now) == first);
        return;
    }
    case 4: {
        const struct lapic before = *l;
        if (lapic_mode(l) == LAPIC_X2APIC)
            CHECK(lapic_msr_write(l, 0x80b, 0, now) == OK);
        else if (lapic_mode(l) == LAPIC_XAPIC)
            lapic_write(l, 0xb0, value, now);
        else
            return;
        for (int vector = 255; vector >= 0; vector--)
            if (has(before.isr, vector)) { /* only the end of a level is told */
                CHECK(l->eoi == (has(before.tmr, vector) ? vector : LAPIC_NO_VECTOR));
                break;
            }
        l->eoi = LAPIC_NO_VECTOR;
        return;
    }
    default:
        if (lapic_mode(l) == LAPIC_XAPIC)
            lapic_write(l, offset, value, now);
        else
            msr(l, r, value, now);
        l->eoi = LAPIC_NO_VECTOR;
        return;
    }
}

/* Small steps mostly; some of up to years, a few a little back. Stays at the end of time. */
static u64 advance(u64 now, u8 step)
{
    if (step >= 0xf0)
        return now - (step & 0xf);
    const u64 add = step < 0x80 ? step : BIT(step % 56);
    return add < NEVER - now ? now + add : NEVER;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const u64 starts[] = {1000, BIT(63) - 1000, NEVER - BIT(40), NEVER - 1000};
    struct lapic l;
    if (size == 0 || size > MAX_SIZE)
        return -1;
    u64 now = starts[data[0] % ARRAY_LEN(starts)];
    lapic_reset(&l, 5);
    for (size_t at = 1; at + RECORD <= size; at += RECORD) {
        const struct lapic before = l;
        const u8 *r = data + at;
        now = advance(now, r[6]);
        act(&l, r, now);
        const bool takes = (r[0] & 7) == 1 || lapic_mode(&l) == LAPIC_OFF || (r[0] & 0x87) == 0x83;
        for (unsigned i = 0; i < ARRAY_LEN(l.irr); i++) {
            CHECK(takes || (before.irr[i] & ~l.irr[i]) == 0);
            CHECK(takes || (l.isr[i] & ~before.isr[i]) == 0);
        }
        check_priorities(&l, now);
        check_registers(&l);
        lapic_tick(&l, now);
        check_timer(&l, now);
    }
    return 0;
}
