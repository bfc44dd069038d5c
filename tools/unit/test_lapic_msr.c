/* IA32_APIC_BASE and the x2APIC's MSRs, one by one; destinations in mixed modes; arbitration. */
#include "lapic_regs.h"
#include "vmm/dev/lapic_msr.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define OFF     0xfee00000ull
#define XAPIC   0xfee00800ull
#define X2APIC  0xfee00c00ull
#define INVALID 0xfee00400ull
#define BSP     0x100ull

static struct lapic in_x2apic(u32 id)
{
    struct lapic l;

    lapic_reset(&l, id);
    assert_int_equal(lapic_write_base(&l, X2APIC | (id ? 0 : BSP), 0), OK);
    return l;
}

static u64 rdx(struct lapic *l, u32 msr)
{
    u64 value = 0;

    assert_int_equal(lapic_msr_read(l, msr, &value, 0), OK);
    return value;
}

static void wrx(struct lapic *l, u32 msr, u64 value)
{
    assert_int_equal(lapic_msr_write(l, msr, value, 0), OK);
}

/* SDM Vol. 3A, "x2APIC State Transitions": the figure, and nothing else. */
static void test_transitions(void **state)
{
    static const u64 modes[] = {OFF, XAPIC, X2APIC, INVALID};
    static const bool legal[3][4] = {
        {true, true, false, false}, {true, true, true, false}, {true, false, true, false}};

    (void)state;
    for (u32 id = 0; id < 2; id++)
        for (u32 from = 0; from < 3; from++)
            for (u32 to = 0; to < 4; to++) {
                const u64 bsp = id == 0 ? BSP : 0;
                struct lapic l;

                lapic_reset(&l, id);
                assert_int_equal(l.base, XAPIC | bsp);
                assert_int_equal(lapic_write_base(&l, modes[from] | bsp, 0), OK);
                const struct lapic before = l;
                assert_int_equal(lapic_write_base(&l, modes[to] | bsp, 0),
                                 legal[from][to] ? OK : E_INVAL);
                assert_int_equal(l.base, legal[from][to] ? modes[to] | bsp : before.base);
                if (!legal[from][to] || from == to)
                    assert_memory_equal(&l, &before, sizeof(l));
                assert_int_equal(lapic_write_base(&l, l.base ^ BSP, 0), E_INVAL);
                for (u32 bit = 0; bit < 64; bit++)
                    if (bit != 10 && bit != 11)
                        assert_int_equal(lapic_write_base(&l, l.base ^ BIT(bit), 0), E_INVAL);
            }
}

/* SDM Vol. 3A, "State Changes From xAPIC Mode to x2APIC Mode". */
static void test_what_is_kept(void **state)
{
    struct lapic l = fresh(), want;

    (void)state;
    wr(&l, TPR, 0x35), wr(&l, LDR, 0x5a000000), wr(&l, ICR_HIGH, 0x7f000000);
    wr(&l, ICR_LOW, SELF | 0x44);
    wr(&l, TIMER, PERIODIC | 0x70), wr(&l, TMICT, 100);
    lapic_post(&l, 0x99);
    lapic_ack(&l);
    wr(&l, 0x40, 0);
    want = l;
    assert_int_equal(lapic_write_base(&l, X2APIC, 50), OK);
    want.base = X2APIC, want.mode = LAPIC_X2APIC, want.id_register = 3, want.ldr = 8,
    want.icr_high = 0;
    assert_memory_equal(&l, &want, sizeof(l));
    assert_int_equal(rdx(&l, 0x80d), 8);
    assert_int_equal(rdx(&l, 0x830), SELF | 0x44);
    l = fresh(); /* a timer that was due before the write */
    wr(&l, TIMER, 0x70), wr(&l, TMICT, 100);
    assert_int_equal(lapic_write_base(&l, X2APIC, 300), OK);
    assert_int_equal(lapic_pending(&l), 0x70);
}

/* Off: nothing is left, nothing comes, and the 8259s reach the processor; then as after power-up.
 */
static void test_off_and_on(void **state)
{
    static const u8 modes[] = {DELIVER_FIXED, DELIVER_LOWEST,  DELIVER_NMI,
                               DELIVER_INIT,  DELIVER_STARTUP, DELIVER_EXTINT};

    (void)state;
    for (u32 x2apic = 0; x2apic < 2; x2apic++) {
        struct lapic l = fresh();

        wr(&l, TIMER, 0x70), wr(&l, TMICT, 100), wr(&l, LINT0, 0x10700), wr(&l, TPR, 0x20);
        lapic_post(&l, 0x99);
        if (x2apic)
            assert_int_equal(lapic_write_base(&l, X2APIC, 0), OK);
        assert_false(lapic_takes_extint(&l));
        assert_int_equal(lapic_write_base(&l, OFF, 0), OK);
        assert_true(lapic_takes_extint(&l));
        assert_true(l.deadline == NEVER);
        lapic_set_tsc_deadline(&l, 5, 1, 1);
        assert_int_equal(lapic_tsc_deadline(&l, 1), 0);
        for (u32 i = 0; i < ARRAY_LEN(modes); i++) {
            const struct apic_message m = {.vector = 0x44, .mode = modes[i], .destination = 3};

            assert_false(lapic_is_destination(&l, &m, NULL));
            lapic_message(&l, &m);
        }
        lapic_post(&l, 0x45);
        lapic_tick(&l, 1000);
        assert_false(lapic_has_requests(&l));
        assert_int_equal(l.attention, 0);
        assert_int_equal(lapic_write_base(&l, XAPIC, 0), OK);
        assert_false(l.extint);
        assert_int_equal(rd(&l, SVR), 0xff);
        assert_int_equal(rd(&l, ID), 3u << 24);
        assert_int_equal(rd(&l, DFR), ~0u);
        for (u32 at = TIMER; at <= ERROR; at += 16)
            assert_int_equal(rd(&l, at), MASKED);
        assert_int_equal(rd(&l, TPR) | rd(&l, LDR) | rd(&l, TMICT) | rd(&l, TDCR), 0);
    }
}

/* SDM Vol. 3A, "Local APIC State After an INIT Reset": all but the mode and the ID. */
static void test_init(void **state)
{
    struct lapic l = in_x2apic(0x12);

    (void)state;
    wrx(&l, 0x808, 0x30);
    wrx(&l, 0x83f, 0x77);
    l.nmi = true;
    lapic_message(&l, &(struct apic_message){.mode = DELIVER_STARTUP, .vector = 1});
    lapic_message(&l, &(struct apic_message){.mode = DELIVER_INIT});
    assert_true(l.init && !l.sipi); /* the earlier STARTUP is void */
    lapic_message(&l, &(struct apic_message){.mode = DELIVER_STARTUP, .vector = 0x9a});
    lapic_message(&l, &(struct apic_message){.mode = DELIVER_STARTUP, .vector = 0x9b});
    lapic_init(&l);
    assert_true(l.sipi && !l.init && !l.nmi);
    assert_int_equal(l.sipi_vector, 0x9a); /* of the first */
    assert_int_equal(l.base, X2APIC);
    assert_int_equal(rdx(&l, 0x802), 0x12);
    assert_int_equal(rdx(&l, 0x80d), 0x10004);
    assert_int_equal(rdx(&l, 0x80f), 0xff);
    assert_int_equal(rdx(&l, 0x808), 0);
    assert_int_equal(rdx(&l, 0x835), MASKED);
    assert_false(lapic_has_requests(&l));
}

/* The table, in the manual's numbers: what reads, and which bits a write may set. */
static void test_every_register(void **state)
{
    static const struct {
        u32 first, last;
        bool reads, writes;
        u64 accepted;
    } rows[] = {
        {0x802, 0x803, true, false, 0},
        {0x808, 0x808, true, true, 0xff},
        {0x80a, 0x80a, true, false, 0},
        {0x80b, 0x80b, false, true, 0},
        {0x80d, 0x80d, true, false, 0},
        {0x80f, 0x80f, true, true, 0x3ff},
        {0x810, 0x827, true, false, 0},
        {0x828, 0x828, true, true, 0},
        {0x830, 0x830, true, true, 0xffffffff000cdfff},
        {0x832, 0x832, true, true, 0x710ff},
        {0x833, 0x834, true, true, 0x117ff},
        {0x835, 0x836, true, true, 0x1f7ff},
        {0x837, 0x837, true, true, 0x110ff},
        {0x838, 0x838, true, true, 0xffffffff},
        {0x839, 0x839, true, false, 0},
        {0x83e, 0x83e, true, true, 0xb},
        {0x83f, 0x83f, false, true, 0xff},
    };

    (void)state;
    for (u32 msr = 0; msr < 0x2000; msr++) {
        bool reads = false, writes = false;
        u64 accepted = 0, value;

        for (u32 i = 0; i < ARRAY_LEN(rows); i++)
            if (msr >= rows[i].first && msr <= rows[i].last)
                reads = rows[i].reads, writes = rows[i].writes, accepted = rows[i].accepted;
        struct lapic l = in_x2apic(3), x = fresh();
        assert_int_equal(lapic_msr_read(&l, msr, &value, 0), reads ? OK : E_INVAL);
        assert_int_equal(lapic_msr_write(&l, msr, 0, 0), writes ? OK : E_INVAL);
        assert_int_equal(lapic_msr_write(&l, msr, accepted, 0), writes ? OK : E_INVAL);
        for (u32 bit = 0; bit < 64; bit++)
            if (!(accepted >> bit & 1))
                assert_int_equal(lapic_msr_write(&l, msr, accepted | BIT(bit), 0), E_INVAL);
        assert_int_equal(lapic_msr_read(&x, msr, &value, 0), E_INVAL); /* xAPIC mode has none */
        assert_int_equal(lapic_msr_write(&x, msr, 0, 0), E_INVAL);
        assert_int_equal(x.esr_pending, 0);
    }
    struct lapic l = in_x2apic(3);
    assert_int_equal(lapic_msr_read(&l, 0x40000802, &(u64){0}, 0), E_INVAL);
    assert_int_equal(l.esr_pending, 0);
}

static void test_values(void **state)
{
    struct lapic l = in_x2apic(0x1234567);
    struct apic_message m;

    (void)state;
    assert_int_equal(rdx(&l, 0x802), 0x1234567);
    assert_int_equal(rdx(&l, 0x80d), 0x34560080);
    assert_int_equal(rdx(&l, 0x803), 0x50014);
    wrx(&l, 0x83f, 0x45);
    wrx(&l, 0x830, SELF | 0x46);
    assert_false(lapic_take_ipi(&l, &m)); /* to itself: at once */
    assert_int_equal(lapic_ack(&l), 0x46);
    assert_int_equal(rdx(&l, 0x812), 1 << 6);
    assert_int_equal(rdx(&l, 0x822), 1 << 5);
    assert_int_equal(rdx(&l, 0x80a), 0x40);
    wrx(&l, 0x80b, 0);
    assert_int_equal(rdx(&l, 0x812), 0);
    wrx(&l, 0x83f, 0x0f);
    wrx(&l, 0x828, 0);
    assert_int_equal(rdx(&l, 0x828), SEND_ILLEGAL | RECEIVED_ILLEGAL);
    wrx(&l, 0x830, 0x1234567ull << 32 | 0x4a7);
    assert_int_equal(rdx(&l, 0x830), 0x1234567ull << 32 | 0x4a7);
    assert_true(lapic_take_ipi(&l, &m));
    assert_int_equal(m.destination, 0x1234567);
    assert_true(m.wide && !m.logical && !m.level);
    assert_int_equal(m.mode, DELIVER_NMI);
    assert_int_equal(m.shorthand, APIC_TO_DESTINATION);
    assert_false(lapic_take_ipi(&l, &m));
    wrx(&l, 0x832, 0x40070); /* TSC-deadline mode */
    lapic_set_tsc_deadline(&l, 500, 100, 100);
    assert_true(l.deadline == 500);
    wrx(&l, 0x832, 0x70), wrx(&l, 0x83e, 0xb), wrx(&l, 0x838, 100);
    assert_int_equal(lapic_msr_read(&l, 0x839, &(u64){0}, 10), OK);
    lapic_tick(&l, 100);
    assert_int_equal(lapic_pending(&l), 0x70);
}

static bool reaches(const struct lapic *l, u32 destination, bool logical, bool wide)
{
    return lapic_is_destination(
        l, &(struct apic_message){.destination = destination, .logical = logical, .wide = wide},
        NULL);
}

static void test_mixed_destinations(void **state)
{
    const struct lapic x2 = in_x2apic(0x12), first = in_x2apic(3), large = in_x2apic(0x1ff);
    struct lapic x = fresh();

    (void)state;
    wr(&x, LDR, 0x14000000);
    for (u32 d = 0; d < 0x300; d++) {
        assert_int_equal(reaches(&x2, d, false, true), d == 0x12);
        assert_int_equal(reaches(&large, d, false, true), d == 0x1ff);
        assert_int_equal(reaches(&x, d, false, true), d == 3);
        assert_int_equal(reaches(&x, d, true, true), d < 0x100 && (d & 0x14));
    }
    for (u32 d = 0; d < 0x100; d++) { /* from the I/O APIC */
        assert_int_equal(reaches(&x2, d, false, false), d == 0x12 || d == 0xff);
        assert_int_equal(reaches(&large, d, false, false), d == 0xff);
        assert_int_equal(reaches(&x2, d, true, false), d == 0xff); /* cluster 1 */
        assert_int_equal(reaches(&first, d, true, false), (d & 8) || d == 0xff);
    }
    for (u32 logical = 0; logical < 2; logical++) {
        assert_true(reaches(&x2, ~0u, logical, true));
        assert_true(reaches(&x, ~0u, logical, true));
    }
    for (u32 member = 0; member < 16; member++) {
        assert_int_equal(reaches(&x2, 0x10000 | BIT32(member), true, true), member == 2);
        assert_false(reaches(&x2, 0x20000 | BIT32(member), true, true));
        assert_false(reaches(&x2, BIT32(member), true, true));
    }
    assert_false(reaches(&large, 0xff, true, true));
    assert_true(reaches(&large, 0x1f8000, true, true));
}

static void test_arbitration(void **state)
{
    static const u16 priority[] = {0x20, LAPIC_NO_CANDIDATE, 0x10, 0x10, 0x30};
    static const u16 nobody[] = {LAPIC_NO_CANDIDATE, LAPIC_NO_CANDIDATE};
    struct lapic l = fresh();
    u32 turn = 0;

    (void)state;
    assert_int_equal(lapic_arbitrate(priority, 5, &turn), 2);
    assert_int_equal(lapic_arbitrate(priority, 5, &turn), 3); /* the other one's turn */
    assert_int_equal(lapic_arbitrate(priority, 5, &turn), 2);
    assert_int_equal(lapic_arbitrate(priority, 1, &turn), 0);
    turn = 77; /* of a larger machine */
    assert_int_equal(lapic_arbitrate(priority, 5, &turn), 3);
    assert_int_equal(lapic_arbitrate(nobody, 2, &turn), -1);
    assert_int_equal(lapic_arbitrate(nobody, 0, &turn), -1);
    assert_int_equal(turn, 3);
    wr(&l, TPR, 0x35);
    assert_int_equal(lapic_candidate(&l), 0x35);
    lapic_post(&l, 0x51);
    assert_int_equal(lapic_ack(&l), 0x51);
    assert_int_equal(lapic_candidate(&l), 0x50);
    wr(&l, SVR, 0xff);
    assert_int_equal(lapic_candidate(&l), LAPIC_NO_CANDIDATE);
}

/* Which messages leave an ICR, in both modes. */
static void test_what_goes_out(void **state)
{
    (void)state;
    for (u32 low = 0; low < 0x100000; low += 0x100) {
        const u32 mode = low >> 8 & 7, shorthand = low >> 18;
        const bool deassert = (low & 0xc000) == 0x8000;
        const bool out = shorthand != APIC_TO_SELF && mode != 2 && mode != 3 && mode != 7 &&
                         !(mode == DELIVER_INIT && deassert);
        struct lapic l = fresh(), x = in_x2apic(3);
        struct apic_message m, n;

        wr(&l, ICR_HIGH, 0x42ffffff);
        wr(&l, ICR_LOW, low | 0x31);
        assert_int_equal(lapic_take_ipi(&l, &m), out);
        if (low & ~0xcdfffu)
            continue;
        wrx(&x, 0x830, 0x4200000000 | low | 0x31);
        assert_int_equal(lapic_take_ipi(&x, &n), out);
        if (!out)
            continue;
        assert_int_equal(m.vector, 0x31);
        assert_int_equal(m.mode, mode);
        assert_int_equal(m.destination, 0x42);
        assert_int_equal(m.shorthand, shorthand);
        assert_int_equal(m.logical, low >> 11 & 1);
        assert_false(m.level || m.wide);
        assert_true(n.wide && n.vector == m.vector && n.mode == m.mode && n.level == m.level);
        assert_true(n.destination == m.destination && n.shorthand == m.shorthand);
        assert_int_equal(n.logical, m.logical);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions),        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_off_and_on),         cmocka_unit_test(test_init),
        cmocka_unit_test(test_every_register),     cmocka_unit_test(test_values),
        cmocka_unit_test(test_mixed_destinations), cmocka_unit_test(test_arbitration),
        cmocka_unit_test(test_what_goes_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
