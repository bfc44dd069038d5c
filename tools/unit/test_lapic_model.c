/* Four local APICs that exchange messages in all modes, over a million random operations, against
 * the dumb model of lapic_dumb.h. */
#include "lapic_dumb.h"
#include "lapic_regs.h"
#include "vmm/dev/lapic_mail.h"
#include "vmm/dev/lapic_msr.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define OPERATIONS 1200000u

static struct lapic real[DUMB_APICS];
static struct lapic_mail mail[DUMB_APICS];
static struct dumb_bus bus;
static u32 turn;
static const int ids[DUMB_APICS] = {0, 1, 5, 18};

static u32 some(u32 below)
{
    return (u32)rand() % below;
}

static u32 any(void)
{
    return (u32)rand() ^ (u32)rand() << 16;
}

/* As vmm/ does it; what is for another goes through its mailbox. */
static void route(const struct apic_message *m, const struct lapic *from)
{
    u16 priority[DUMB_APICS];
    bool is_for_it[DUMB_APICS];

    for (int i = 0; i < DUMB_APICS; i++) {
        is_for_it[i] = lapic_is_destination(&real[i], m, from);
        priority[i] = is_for_it[i] ? lapic_candidate(&real[i]) : LAPIC_NO_CANDIDATE;
    }
    if (m->mode == DELIVER_LOWEST) {
        const int best = lapic_arbitrate(priority, DUMB_APICS, &turn);

        for (int i = 0; i < DUMB_APICS; i++)
            is_for_it[i] = i == best;
    }
    for (int i = 0; i < DUMB_APICS; i++) {
        if (!is_for_it[i])
            continue;
        if (&real[i] == from) {
            lapic_message(&real[i], m);
            continue;
        }
        assert_int_equal(mail_post(&mail[i], m), m->mode != DELIVER_SMI && m->mode != 3);
        (void)mail_take(&mail[i], &real[i]);
        assert_false(mail_take(&mail[i], &real[i]));
    }
}

static void put(int i, u32 offset, u64 value)
{
    struct apic_message m;
    struct lapic *l = &real[i];

    if (lapic_mode(l) == LAPIC_X2APIC)
        assert_int_equal(lapic_msr_write(l, 0x800 + offset / 16, value, 0), OK);
    else
        lapic_write(l, offset, (u32)value, 0);
    while (lapic_take_ipi(l, &m))
        route(&m, l);
}

static u64 get(int i, u32 offset)
{
    u64 value = 0;

    if (lapic_mode(&real[i]) != LAPIC_X2APIC)
        return lapic_read(&real[i], offset, 0);
    assert_int_equal(lapic_msr_read(&real[i], 0x800 + offset / 16, &value, 0), OK);
    return value;
}

/* ---- operations, on both ---- */

static void base(int i)
{
    static const u32 modes[] = {0, 0x800, 0xc00, 0x400};
    struct dumb *d = &bus.apic[i];
    u64 value = LAPIC_BASE | (d->id == 0 ? 0x100 : 0) | modes[some(4)];

    if (some(8) == 0)
        value ^= BIT(some(64));
    assert_int_equal(lapic_write_base(&real[i], value, 0), dumb_base(d, value) ? OK : E_INVAL);
}

static u64 destination(bool wide)
{
    static const u64 narrow[] = {0, 1, 5, 18, 0xff, 3, 0x20, 0x15, 0x12};
    static const u64 more[] = {0xffffffff, 0x10004, 0x1ffff, 0xffff, 0xff, 0x100, 0x20001};

    if (wide && some(2))
        return some(8) ? more[some(ARRAY_LEN(more))] : any();
    return some(4) ? narrow[some(ARRAY_LEN(narrow))] : some(256);
}

static void icr(int i)
{
    struct dumb *d = &bus.apic[i];
    const bool wide = d->mode == DUMB_X2APIC;
    const u64 to = destination(wide);
    u32 low = any() & 0x000ccfff;

    if (some(2))
        low &= ~0xe00u; /* mostly fixed and lowest priority */
    if (some(2))
        low &= ~0xc0000u;
    if (some(8))
        low |= 0x10;
    d->icr_to = to;
    if (wide) {
        put(i, ICR_LOW, to << 32 | low);
    } else {
        put(i, ICR_HIGH, to << 24 | (any() & 0xffffff));
        put(i, ICR_LOW, low);
    }
    dumb_icr(&bus, d, low);
}

static void io_apic(void)
{
    const struct apic_message m = {.vector = (u8)any(),
                                   .mode = some(2) ? (u8)some(8) : (u8)some(2),
                                   .destination = (u8)destination(false),
                                   .logical = some(2),
                                   .level = some(2)};

    route(&m, NULL);
    dumb_io_apic(&bus, m.mode, m.vector, (int)m.destination, m.logical, m.level);
}

static void svr_or_tpr(int i)
{
    struct dumb *d = &bus.apic[i];
    const u32 vector = some(256);

    if (some(2)) {
        d->tpr = (int)(some(2) ? vector : vector % 0x30);
        put(i, TPR, (u64)d->tpr);
    } else {
        const u32 value = vector | (some(6) ? 0x100 : 0);

        put(i, SVR, value);
        dumb_svr(d, value);
    }
}

static void logical_id(int i)
{
    static const u32 models[] = {0xf, 0, 0xf, 7};
    struct dumb *d = &bus.apic[i];

    if (d->mode != DUMB_XAPIC)
        return;
    d->logical = (int)some(256);
    d->model = (int)models[some(4)];
    put(i, LDR, (u64)d->logical << 24);
    put(i, DFR, (u64)d->model << 28);
}

static void lvt(int i)
{
    struct dumb *d = &bus.apic[i];
    const u32 masked = d->enabled ? 0 : 0x10000, value = any();

    if (some(2)) {
        d->lvt_error = (value & 0x100ff) | masked;
        put(i, ERROR, value & 0x100ff);
    } else {
        d->lint0 = (value & 0x1a7ff) | masked;
        put(i, LINT0, value & 0x1a7ff);
    }
}

/* The processor's part. */
static void processor(int i)
{
    struct dumb *d = &bus.apic[i];
    struct lapic *l = &real[i];

    l->nmi = d->nmi = l->extint = d->extint = false;
    if (l->init) {
        lapic_init(l);
        const bool sipi = d->sipi;
        const int vector = d->sipi_vector;
        dumb_clear(d, d->mode);
        d->sipi = sipi;
        d->sipi_vector = vector;
    } else if (l->sipi) {
        assert_int_equal(l->sipi_vector, d->sipi_vector);
        l->sipi = d->sipi = false;
    }
}

/* Any MSR with any value: what is refused, without doing it where it would be accepted. */
static void refused(int i)
{
    const u32 msr = 0x7f8 + some(0x58);
    const bool x2apic = bus.apic[i].mode == DUMB_X2APIC;
    u64 value = some(2) ? BIT(some(64)) : any() & (some(2) ? 0xff : ~0u);
    const struct lapic before = real[i];
    u64 got = 0x77;
    u32 offset = 0;

    assert_int_equal(lapic_msr_check_write(&real[i], msr, value, &offset),
                     x2apic && dumb_msr_writes(msr, value) ? OK : E_INVAL);
    if (!x2apic || !dumb_msr_writes(msr, value))
        assert_int_equal(lapic_msr_write(&real[i], msr, value, 0), E_INVAL);
    if (x2apic && dumb_msr_reads(msr)) {
        assert_int_equal(lapic_msr_read(&real[i], msr, &got, 0), OK);
    } else {
        assert_int_equal(lapic_msr_read(&real[i], msr, &got, 0), E_INVAL);
        assert_int_equal(got, 0x77);
    }
    assert_memory_equal(&before, &real[i], sizeof(before));
}

static void step(int i)
{
    struct dumb *d = &bus.apic[i];

    switch (some(16)) {
    case 0:
        if (some(8) == 0)
            base(i);
        return;
    case 1:
    case 2: io_apic(); return;
    case 3:
    case 4: assert_int_equal(lapic_ack(&real[i]), dumb_take(d)); return;
    case 5: processor(i); return;
    case 6: refused(i); return;
    default: break;
    }
    if (d->mode == DUMB_OFF) { /* its registers are gone */
        if (some(8) == 0)
            base(i);
        return;
    }
    switch (some(10)) {
    case 0: svr_or_tpr(i); return;
    case 1: logical_id(i); return;
    case 2: lvt(i); return;
    case 3:
        put(i, ESR, 0);
        d->errors_shown = d->errors;
        d->errors = 0;
        return;
    case 4:
        if (d->mode == DUMB_X2APIC) {
            const u32 vector = some(256);

            put(i, 0x3f0, vector);
            if (vector < 16)
                dumb_error(d, 0x20);
            dumb_accept(d, (int)vector, false);
        }
        return;
    case 5:
    case 6:
        if (some(2) == 0 || !lapic_end_alone(&real[i], 0))
            put(i, EOI, 0);
        dumb_eoi(d);
        assert_int_equal(real[i].eoi, d->eoi);
        real[i].eoi = d->eoi = -1;
        return;
    default: icr(i); return;
    }
}

/* ---- comparison ---- */

static void check_bitmap(int i, u32 at, const bool set[256])
{
    for (u32 word = 0; word < 8; word++) {
        u32 want = 0;
        for (u32 bit = 0; bit < 32; bit++)
            want |= (u32)set[word * 32 + bit] << bit;
        assert_int_equal(get(i, at + word * 16), want);
    }
}

static void check_registers(int i)
{
    const struct dumb *d = &bus.apic[i];
    const bool x2apic = d->mode == DUMB_X2APIC;
    const u32 id = (u32)d->id;

    assert_int_equal(get(i, ID), x2apic ? id : id << 24);
    assert_int_equal(get(i, LDR),
                     x2apic ? id / 16 * 65536 + (1u << id % 16) : (u32)d->logical << 24);
    if (x2apic) {
        assert_int_equal(get(i, ICR_LOW), d->icr_to << 32 | d->icr);
    } else {
        assert_int_equal(get(i, ICR_LOW), d->icr);
        assert_int_equal(get(i, ICR_HIGH), d->icr_to << 24);
        assert_int_equal(get(i, DFR), (u32)d->model << 28 | 0xfffffff);
    }
    assert_int_equal(get(i, TPR), d->tpr);
    assert_int_equal(get(i, PPR), dumb_ppr(d));
    assert_int_equal(get(i, SVR), d->spurious | (d->enabled ? 0x100 : 0));
    assert_int_equal(get(i, ESR), d->errors_shown);
    assert_int_equal(get(i, LINT0), d->lint0);
    assert_int_equal(get(i, LINT1), d->lint1);
    assert_int_equal(get(i, ERROR), d->lvt_error);
    assert_int_equal(get(i, TIMER), d->lvt_others);
    assert_int_equal(get(i, PERFMON), d->lvt_others);
    check_bitmap(i, IRR, d->irr);
    check_bitmap(i, ISR, d->isr);
    check_bitmap(i, TMR, d->tmr);
}

static void check(int i, bool all)
{
    static const enum lapic_mode modes[] = {LAPIC_OFF, LAPIC_XAPIC, LAPIC_X2APIC};
    const struct dumb *d = &bus.apic[i];
    const struct lapic *l = &real[i];

    assert_int_equal(lapic_mode(l), modes[d->mode]);
    assert_int_equal(lapic_pending(l), dumb_next(d));
    assert_int_equal(l->nmi, d->nmi);
    assert_int_equal(l->init, d->init);
    assert_int_equal(l->sipi, d->sipi);
    assert_false(l->ipi);
    assert_int_equal(lapic_takes_extint(l),
                     d->mode == DUMB_OFF || d->extint || (d->lint0 & 0x10700) == 0x700);
    if (all && d->mode != DUMB_OFF)
        check_registers(i);
}

static void test_against_the_dumb_model(void **state)
{
    (void)state;
    srand(11);
    for (int i = 0; i < DUMB_APICS; i++) {
        lapic_reset(&real[i], (u32)ids[i]);
        dumb_firmware(&bus.apic[i], ids[i]);
    }
    for (u32 n = 0; n < OPERATIONS; n++) {
        const int i = (int)some(DUMB_APICS);

        step(i);
        check(i, false);
        if (n % 8 == 0)
            for (int other = 0; other < DUMB_APICS; other++)
                check(other, true);
    }
    assert_int_equal(turn, bus.turn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_the_dumb_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
