/* The paravirtual clock against a bignum: what a guest computes is a straight line that loses less
 * than half a nanosecond a second, and never goes back. */
#include "vmm/pvclock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef unsigned __int128 u128;

#define SECOND 1000000000ull
#define ROUNDS 1000000u

static u64 random_state = 0x9e3779b97f4a7c15ull;

static u64 random_u64(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dull;
}

/* 1 MHz to 10 GHz, as many small ones as large ones. */
static u64 random_hz(void)
{
    const u64 most = 1000000ull << random_u64() % 14;

    return MIN(1000000 + random_u64() % most, 10 * SECOND);
}

/* Schoolbook long division in base 2. */
static u128 divide(u128 num, u64 den)
{
    u128 quotient = 0, rest = 0;

    for (int bit = 127; bit >= 0; bit--) {
        rest = rest << 1 | (num >> bit & 1);
        quotient <<= 1;
        if (rest >= den) {
            rest -= den;
            quotient |= 1;
        }
    }
    return quotient;
}

/* A guest's reading, in the words of Linux' msr.rst. */
static u64 guest_reads(const struct kvm_system_time *t, u64 tsc)
{
    u128 time = tsc - t->tsc_timestamp;

    if (t->tsc_shift >= 0)
        time <<= t->tsc_shift;
    else
        time >>= -t->tsc_shift;
    return (u64)(time * t->tsc_to_system_mul >> 32) + t->system_time;
}

static void test_against_bignum(void **state)
{
    (void)state;
    for (u32 i = 0; i < ROUNDS; i++) {
        const u64 hz = random_hz();
        const u64 ticks = random_u64() % (hz << (random_u64() % 31)); /* up to 34 years */
        const struct pvclock_scale scale = pvclock_scale(hz);
        const u64 got = pvclock_ns(&scale, ticks);
        const u128 want = divide((u128)ticks * SECOND, hz);
        const u64 lost = (u64)(want - got), seconds = (u64)(want / SECOND);

        assert_true(scale.mul >= BIT32(31));
        assert_true(got <= want);
        if (lost > seconds / 2 + 2)
            fail_msg("%llu ticks at %llu Hz: %llu ns lost in %llu s", (unsigned long long)ticks,
                     (unsigned long long)hz, (unsigned long long)lost, (unsigned long long)seconds);
    }
}

static void test_never_back(void **state)
{
    struct pvclock c;

    (void)state;
    for (u32 i = 0; i < ROUNDS; i++) {
        const u64 epoch = random_u64(), offset = random_u64();
        u64 host = epoch, last = 0;

        pvclock_start(&c, random_hz(), epoch, 0);
        for (u32 step = 0; step < 3; step++) { /* another TSC offset: an update in between */
            const u64 new_offset = step == 2 ? offset : random_u64();
            const struct kvm_system_time t = pvclock_system_time(&c, new_offset);
            u64 now;

            host += random_u64() >> (24 + random_u64() % 40);
            now = guest_reads(&t, host + new_offset);
            assert_true(now >= last);
            assert_int_equal(now, pvclock_ns(&c.scale, host - epoch));
            last = now;
        }
    }
}

/* Linux takes the TSC's frequency back out of the scale (pvclock_tsc_khz()). */
static void test_kilohertz_come_back(void **state)
{
    (void)state;
    for (u32 i = 0; i < ROUNDS / 10; i++) {
        const u64 khz = random_hz() / 1000;
        const struct pvclock_scale s = pvclock_scale(khz * 1000);
        const u64 back = (1000000ull << 32) / s.mul;

        assert_int_equal(s.shift < 0 ? back << -s.shift : back >> s.shift,
                         s.shift < 0 ? khz & ~(BIT(-s.shift) - 1) : khz);
    }
}

static void test_edges(void **state)
{
    static const struct {
        u64 hz;
        u32 mul;
        int shift;
    } cases[] = {
        {50000000, 0xa0000000, 5},   {SECOND, 0x80000000, 1},  {SECOND / 2, 0x80000000, 2},
        {2 * SECOND, 0x80000000, 0}, {0, 0xee6b2800, 30},      {1, 0xee6b2800, 30},
        {BIT(62), 0xee6b2800, -32},  {~0ull, 0xee6b2800, -32},
    };
    struct pvclock c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct pvclock_scale s = pvclock_scale(cases[i].hz);

        assert_int_equal(s.mul, cases[i].mul);
        assert_int_equal(s.shift, cases[i].shift);
    }
    pvclock_start(&c, 50000000, 7000, 1700000000);
    const struct kvm_system_time t = pvclock_system_time(&c, 0ull - 7000);
    const struct kvm_wall_clock w = pvclock_wall_clock(&c);

    assert_int_equal(t.tsc_timestamp, 0);
    assert_int_equal(t.system_time, 0);
    assert_int_equal(t.flags, KVM_CLOCK_STABLE);
    assert_int_equal(guest_reads(&t, 50000000), SECOND);
    assert_int_equal(w.sec, 1700000000);
    assert_int_equal(w.nsec, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_bignum),
        cmocka_unit_test(test_never_back),
        cmocka_unit_test(test_kilohertz_come_back),
        cmocka_unit_test(test_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
