/* The I/O APIC: registers, edges and levels, masks, remote IRR, EOIs; then random operations
 * against a second model that knows only one pin and the words of the data sheet. */
#include "vmm/dev/ioapic.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// clang-format off
enum { LOGICAL = 0x800, STATUS = 0x1000, ACTIVE_LOW = 0x2000, REMOTE = 0x4000, LEVEL = 0x8000, MASKED = 0x10000 };
// clang-format on

static struct ioapic a;
static struct apic_message m;

static int setup(void **state)
{
    (void)state;
    memset(&a, 0xa5, sizeof(a));
    a.lines = 0;
    ioapic_reset(&a);
    return 0;
}

static u32 rd(u8 reg)
{
    ioapic_write(&a, 0, reg);
    return ioapic_read(&a, 0x10);
}

static void wr(u8 reg, u32 value)
{
    ioapic_write(&a, 0, reg);
    ioapic_write(&a, 0x10, value);
}

static void entry(unsigned pin, u32 high, u32 low)
{
    wr((u8)(0x11 + 2 * pin), high);
    wr((u8)(0x10 + 2 * pin), low);
}

static u32 low_of(unsigned pin)
{
    return rd((u8)(0x10 + 2 * pin));
}

static void assert_takes(u8 vector, bool level)
{
    assert_true(ioapic_take(&a, &m));
    assert_int_equal(m.vector, vector);
    assert_int_equal(m.level, level);
}

static void test_registers(void **state)
{
    (void)state;
    assert_int_equal(rd(0), 0);
    assert_int_equal(rd(1), 0x00170020); /* 24 pins */
    assert_int_equal(rd(2), 0);
    wr(0, ~0u);
    assert_int_equal(rd(0), 0x0f000000);
    assert_int_equal(rd(2), 0x0f000000);
    wr(1, 0);
    assert_int_equal(rd(1), 0x00170020);
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        assert_int_equal(low_of(pin), MASKED);
        entry(pin, ~0u, ~0u);
        assert_int_equal(low_of(pin), 0x1afff);
        assert_int_equal(rd((u8)(0x11 + 2 * pin)), 0xff000000);
        entry(pin, 0x12345678, MASKED | pin);
        assert_int_equal(low_of(pin), MASKED | pin);
        assert_int_equal(rd((u8)(0x11 + 2 * pin)), 0x12000000);
    }
    for (unsigned reg = 0x40; reg < 0x100; reg++) {
        wr((u8)reg, ~0u);
        assert_int_equal(rd((u8)reg), 0);
    }
    ioapic_write(&a, 0, 0x1234);
    assert_int_equal(ioapic_read(&a, 0), 0x34); /* 8 bits select */
    for (u32 at = 4; at < IOAPIC_SIZE; at += 4)
        if (at != 0x10)
            assert_int_equal(ioapic_read(&a, at), 0);
    assert_false(ioapic_take(&a, &m));
}

static void test_edge(void **state)
{
    (void)state;
    entry(4, 0x05000000, 0x34);
    assert_false(ioapic_take(&a, &m));
    ioapic_toggle(&a, 4);
    assert_int_equal(low_of(4), STATUS | 0x34);
    assert_takes(0x34, false);
    assert_int_equal(m.destination, 5);
    assert_int_equal(m.mode, DELIVER_FIXED);
    assert_false(m.logical);
    assert_int_equal(low_of(4), 0x34);
    assert_false(ioapic_take(&a, &m)); /* it stays high: no more */
    ioapic_toggle(&a, 4);
    assert_false(ioapic_take(&a, &m));
    ioapic_toggle(&a, 4), ioapic_toggle(&a, 4), ioapic_toggle(&a, 4); /* two edges, one message */
    assert_takes(0x34, false);
    assert_false(ioapic_take(&a, &m));
}

static void test_masked_edge_is_lost(void **state)
{
    (void)state;
    entry(4, 0, MASKED | 0x34);
    ioapic_toggle(&a, 4);
    entry(4, 0, 0x34);
    assert_false(ioapic_take(&a, &m));
    ioapic_toggle(&a, 4), ioapic_toggle(&a, 4);
    entry(4, 0, MASKED | 0x34);
    assert_false(ioapic_take(&a, &m));
    entry(4, 0, 0x34);
    assert_false(ioapic_take(&a, &m));
}

static void test_level(void **state)
{
    (void)state;
    entry(9, 0, MASKED | LEVEL | 0x39);
    ioapic_toggle(&a, 9);
    assert_false(ioapic_take(&a, &m));
    entry(9, 0, LEVEL | 0x39); /* unmasked while it is high */
    assert_takes(0x39, true);
    assert_int_equal(low_of(9), REMOTE | LEVEL | 0x39);
    assert_false(ioapic_take(&a, &m)); /* not before the EOI */
    ioapic_eoi(&a, 0x38);
    assert_false(ioapic_take(&a, &m));
    ioapic_eoi(&a, 0x39); /* still high: again */
    assert_takes(0x39, true);
    ioapic_toggle(&a, 9);
    ioapic_write(&a, 0x40, 0x39); /* the EOI register does the same */
    assert_int_equal(low_of(9), LEVEL | 0x39);
    assert_false(ioapic_take(&a, &m));
    ioapic_toggle(&a, 9), ioapic_toggle(&a, 9); /* gone before it was sent */
    assert_false(ioapic_take(&a, &m));
}

/* Software without an EOI register ends a level by making it an edge for a moment. */
static void test_edge_ends_a_level(void **state)
{
    (void)state;
    entry(9, 0, LEVEL | 0x39);
    ioapic_toggle(&a, 9);
    assert_takes(0x39, true);
    entry(9, 0, MASKED | 0x39);
    assert_int_equal(low_of(9), MASKED | 0x39);
    entry(9, 0, LEVEL | 0x39);
    assert_takes(0x39, true);
}

static void test_shared_vector(void **state)
{
    (void)state;
    for (unsigned pin = 16; pin < 20; pin++) {
        entry(pin, 0, LEVEL | 0x50);
        ioapic_toggle(&a, pin);
        assert_takes(0x50, true);
    }
    ioapic_toggle(&a, 17);
    ioapic_eoi(&a, 0x50); /* all four are ended, three ask again */
    for (unsigned i = 0; i < 3; i++)
        assert_takes(0x50, true);
    assert_false(ioapic_take(&a, &m));
}

static void test_active_low(void **state)
{
    (void)state;
    entry(5, 0, ACTIVE_LOW | LEVEL | 0x35);
    assert_takes(0x35, true);
    ioapic_toggle(&a, 5);
    ioapic_eoi(&a, 0x35);
    assert_false(ioapic_take(&a, &m));
    entry(6, 0, ACTIVE_LOW | 0x36);
    ioapic_toggle(&a, 6);
    assert_false(ioapic_take(&a, &m));
    ioapic_toggle(&a, 6);
    assert_takes(0x36, false);
}

/* NMI, SMI, INIT and ExtINT have no EOI: always edges. */
static void test_modes(void **state)
{
    (void)state;
    for (u32 mode = 0; mode < 8; mode++) {
        (void)setup(NULL);
        entry(7, 0xff000000, LEVEL | LOGICAL | mode << 8 | 0x37);
        ioapic_toggle(&a, 7);
        assert_takes(0x37, mode <= DELIVER_LOWEST);
        assert_int_equal(m.mode, mode);
        assert_true(m.logical);
        assert_int_equal(m.destination, 0xff);
        assert_int_equal(!!(low_of(7) & REMOTE), mode <= DELIVER_LOWEST);
        ioapic_toggle(&a, 7);
    }
}

static void test_reset_keeps_lines(void **state)
{
    (void)state;
    entry(9, 0, LEVEL | 0x39);
    ioapic_toggle(&a, 9);
    ioapic_reset(&a);
    assert_false(ioapic_take(&a, &m));
    assert_int_equal(low_of(9), MASKED);
    entry(9, 0, LEVEL | 0x39);
    assert_takes(0x39, true);
}

/* ---- the dumb model: one pin ---- */

struct dumb {
    u32 low;
    bool line, edge, remote;
};

static bool dumb_active(const struct dumb *d)
{
    return d->line == !(d->low & ACTIVE_LOW);
}

static bool dumb_asks(const struct dumb *d)
{
    if (d->low & MASKED)
        return false;
    return d->low & LEVEL ? dumb_active(d) && !d->remote : d->edge;
}

static void dumb_write(struct dumb *d, u32 low)
{
    d->low = low;
    if (low & LEVEL)
        d->edge = false;
    else
        d->remote = false;
    if (low & MASKED)
        d->edge = false;
}

static void dumb_toggle(struct dumb *d)
{
    d->line = !d->line;
    if (dumb_active(d) && !(d->low & (MASKED | LEVEL)))
        d->edge = true;
}

static void test_random(void **state)
{
    (void)state;
    static struct dumb d[IOAPIC_PINS];
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        d[pin] = (struct dumb){.low = MASKED};
    srand(4711);
    for (unsigned i = 0; i < 1000000; i++) {
        const unsigned pin = (unsigned)rand() % IOAPIC_PINS, vector = 0x30 + (unsigned)rand() % 8;
        switch (rand() % 4) {
        case 0: {
            const u32 flags = (u32)rand() & (ACTIVE_LOW | LEVEL | MASKED);
            dumb_write(&d[pin], flags | vector);
            entry(pin, 0, flags | vector);
            break;
        }
        case 1:
            dumb_toggle(&d[pin]);
            ioapic_toggle(&a, pin);
            break;
        case 2:
            for (unsigned p = 0; p < IOAPIC_PINS; p++)
                if ((d[p].low & LEVEL) && (d[p].low & 0xff) == vector)
                    d[p].remote = false;
            ioapic_eoi(&a, (u8)vector);
            break;
        default:
            if (ioapic_take(&a, &m)) {
                unsigned first = 0;
                while (!dumb_asks(&d[first])) /* the lowest pin goes first */
                    first++;
                assert_int_equal(m.vector, d[first].low & 0xff);
                assert_int_equal(m.level, !!(d[first].low & LEVEL));
                d[first].edge = false;
                d[first].remote = m.level;
            }
            break;
        }
        for (unsigned p = 0; p < IOAPIC_PINS; p++)
            assert_int_equal(low_of(p), d[p].low | (dumb_asks(&d[p]) ? STATUS : 0) |
                                            (d[p].remote ? REMOTE : 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_registers, setup),
        cmocka_unit_test_setup(test_edge, setup),
        cmocka_unit_test_setup(test_masked_edge_is_lost, setup),
        cmocka_unit_test_setup(test_level, setup),
        cmocka_unit_test_setup(test_edge_ends_a_level, setup),
        cmocka_unit_test_setup(test_shared_vector, setup),
        cmocka_unit_test_setup(test_active_low, setup),
        cmocka_unit_test_setup(test_modes, setup),
        cmocka_unit_test_setup(test_reset_keeps_lines, setup),
        cmocka_unit_test_setup(test_random, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
