/* The 8259A pair: the initialization and probe that Linux does, the priority rules one by
 * one, and a million random operations against a second, dumb model. */
#include "pic_dumb.h"
#include "vmm/dev/pic.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* As Linux's init_8259A(): vectors from 0x30, cascade on IR2, normal EOI, all unmasked. */
/* Drives an input. */
static void pic_set_irq(struct pic_pair *p, unsigned line, bool level)
{
    if (pic_line(p, line) != level)
        pic_toggle(p, line);
}

static void init(struct pic_pair *p, u8 icw4)
{
    memset(p, 0, sizeof(*p));
    pic_reset(p);
    pic_write(p, 0x20, 0x11);
    pic_write(p, 0x21, 0x30);
    pic_write(p, 0x21, 0x04);
    pic_write(p, 0x21, icw4);
    pic_write(p, 0xa0, 0x11);
    pic_write(p, 0xa1, 0x38);
    pic_write(p, 0xa1, 0x02);
    pic_write(p, 0xa1, icw4);
}

static void pulse(struct pic_pair *p, unsigned line)
{
    pic_set_irq(p, line, false);
    pic_set_irq(p, line, true);
}

static void test_linux_probe(void **state)
{
    (void)state;
    struct pic_pair p;
    memset(&p, 0, sizeof(p));
    pic_reset(&p);
    pic_write(&p, 0xa1, 0xff);
    pic_write(&p, 0x21, 0xfb); /* probe_8259A() */
    assert_int_equal(pic_read(&p, 0x21), 0xfb);
    init(&p, 1);
    assert_int_equal(pic_read(&p, 0x21), 0); /* ICW1 clears the mask */
    pic_write(&p, 0x21, 0xaa);
    assert_int_equal(pic_read(&p, 0x21), 0xaa);
    assert_int_equal(pic_read(&p, 0xa1), 0);
}

static void test_every_line_gives_its_vector(void **state)
{
    (void)state;
    for (unsigned line = 0; line < 16; line++) {
        struct pic_pair p;
        init(&p, 1);
        pulse(&p, line);
        if (line == 2) {
            assert_false(p.intr);
            continue;
        }
        assert_true(p.intr);
        assert_int_equal(pic_ack(&p), 0x30 + line);
        assert_false(p.intr);
        pulse(&p, line); /* in service: the same one waits */
        assert_false(p.intr);
        if (line > 7)
            pic_write(&p, 0xa0, (u8)(0x60 | (line & 7)));
        pic_write(&p, 0x20, (u8)(0x60 | (line > 7 ? 2 : line)));
        assert_true(p.intr);
    }
}

static void test_priority_and_nesting(void **state)
{
    (void)state;
    struct pic_pair p;
    init(&p, 1);
    pulse(&p, 4);
    pulse(&p, 0);
    assert_int_equal(pic_ack(&p), 0x30);
    assert_false(p.intr); /* 4 is lower than 0 in service */
    pic_write(&p, 0x20, 0x20);
    assert_int_equal(pic_ack(&p), 0x34);
    pulse(&p, 8); /* the slave hangs on IR2, which is higher than 4 */
    assert_int_equal(pic_ack(&p), 0x38);
    pulse(&p, 1);
    assert_int_equal(pic_ack(&p), 0x31);
    pic_write(&p, 0x20, 0x0b);
    assert_int_equal(pic_read(&p, 0x20), 0x16); /* ISR: 1, 2, 4 */
    pic_write(&p, 0xa0, 0x0b);
    assert_int_equal(pic_read(&p, 0xa0), 0x01);
    pic_write(&p, 0x20, 0x20); /* non-specific: the highest */
    assert_int_equal(pic_read(&p, 0x20), 0x14);
    pic_write(&p, 0x20, 0x64); /* specific */
    assert_int_equal(pic_read(&p, 0x20), 0x04);
}

static void test_irr_follows_the_line(void **state)
{
    (void)state;
    struct pic_pair p;
    init(&p, 1);
    pic_write(&p, 0x20, 0x0a);
    pulse(&p, 5);
    assert_int_equal(pic_read(&p, 0x20), 0x20);
    pic_set_irq(&p, 5, false);
    assert_int_equal(pic_read(&p, 0x20), 0);
    assert_false(p.intr);
    pulse(&p, 10);
    assert_int_equal(pic_read(&p, 0x20), 0x04); /* the slave's INT */
}

static void test_spurious(void **state)
{
    (void)state;
    struct pic_pair p;
    init(&p, 1);
    assert_int_equal(pic_ack(&p), 0x37);
    pic_write(&p, 0x20, 0x0b);
    assert_int_equal(pic_read(&p, 0x20), 0); /* not in service */
}

static void test_level_triggered(void **state)
{
    (void)state;
    struct pic_pair p;
    init(&p, 1);
    pic_write(&p, 0x4d0, 0xff);
    pic_write(&p, 0x4d1, 0xff);
    assert_int_equal(pic_read(&p, 0x4d0), 0xf8);
    assert_int_equal(pic_read(&p, 0x4d1), 0xde);
    pic_set_irq(&p, 9, true);
    assert_int_equal(pic_ack(&p), 0x39);
    pic_write(&p, 0xa0, 0x61);
    pic_write(&p, 0x20, 0x62);
    assert_true(p.intr); /* still high: asks again */
    assert_int_equal(pic_ack(&p), 0x39);
    pic_set_irq(&p, 9, false);
    pic_write(&p, 0xa0, 0x61);
    pic_write(&p, 0x20, 0x62);
    assert_false(p.intr);
    pic_set_irq(&p, 1, true); /* edge: once */
    assert_int_equal(pic_ack(&p), 0x31);
    pic_write(&p, 0x20, 0x20);
    assert_false(p.intr);
}

static void test_icw1_rearms_edges(void **state)
{
    (void)state;
    struct pic_pair p;
    init(&p, 1);
    pic_set_irq(&p, 3, true);
    pic_write(&p, 0x4d0, 0x20);
    pic_set_irq(&p, 5, true);
    pic_write(&p, 0x20, 0x11);
    assert_false(p.intr); /* between the ICWs */
    pic_write(&p, 0x21, 0x40);
    pic_write(&p, 0x21, 0x04);
    pic_write(&p, 0x21, 0x01);
    assert_true(p.intr);
    assert_int_equal(pic_ack(&p), 0x45); /* the level-triggered one; 3 must rise again */
    pic_write(&p, 0x20, 0x20);
    pic_set_irq(&p, 5, false);
    assert_false(p.intr);
    pulse(&p, 3);
    assert_int_equal(pic_ack(&p), 0x43);
}

static void test_auto_eoi(void **state)
{
    (void)state;
    struct pic_pair p;
    init(&p, 3);
    pulse(&p, 0);
    assert_int_equal(pic_ack(&p), 0x30);
    pulse(&p, 0);
    assert_true(p.intr);
    assert_int_equal(pic_ack(&p), 0x30);
    pic_write(&p, 0x20, 0x80); /* rotate in automatic EOI mode */
    pulse(&p, 0);
    assert_int_equal(pic_ack(&p), 0x30);
    pulse(&p, 0);
    pulse(&p, 7);
    assert_int_equal(pic_ack(&p), 0x37); /* 0 has become the lowest */
}

static void test_rotation(void **state)
{
    (void)state;
    struct pic_pair p;
    init(&p, 1);
    pic_write(&p, 0x20, 0xc4); /* 4 is the lowest: 5 is the highest */
    pulse(&p, 4);
    pulse(&p, 0);
    pulse(&p, 5);
    assert_int_equal(pic_ack(&p), 0x35);
    pic_write(&p, 0x20, 0xa0); /* rotate on non-specific EOI: 5 is the lowest now */
    assert_int_equal(pic_ack(&p), 0x30);
    pic_write(&p, 0x20, 0xe0); /* rotate on specific EOI of 0 */
    pulse(&p, 1);
    assert_int_equal(pic_ack(&p), 0x31);
    pic_write(&p, 0x20, 0x40); /* no operation */
    assert_false(p.intr);
}

static void test_special_mask(void **state)
{
    (void)state;
    struct pic_pair p;
    init(&p, 1);
    pulse(&p, 3);
    assert_int_equal(pic_ack(&p), 0x33);
    pulse(&p, 6);
    assert_false(p.intr);
    pic_write(&p, 0x21, 0x08);
    assert_false(p.intr);
    pic_write(&p, 0x20, 0x68); /* special mask: the masked level does not block */
    assert_true(p.intr);
    assert_int_equal(pic_ack(&p), 0x36);
    pic_write(&p, 0x20, 0x20);
    pic_write(&p, 0x20, 0x0b);
    assert_int_equal(pic_read(&p, 0x20), 0x08); /* non-specific EOI does not see level 3 */
}

static void test_poll(void **state)
{
    (void)state;
    struct pic_pair p;
    init(&p, 1);
    pic_write(&p, 0x20, 0x0c);
    assert_int_equal(pic_read(&p, 0x20), 0x07);
    pulse(&p, 6);
    pic_write(&p, 0x20, 0x0c);
    assert_int_equal(pic_read(&p, 0x20), 0x86);
    assert_false(p.intr);
    pic_write(&p, 0x20, 0x0b);
    assert_int_equal(pic_read(&p, 0x20), 0x40);
}

/* A single chip: ICW3 is left out, nothing is cascaded, IR2 is the slave's no longer. */
static void test_single(void **state)
{
    (void)state;
    struct pic_pair p;
    init(&p, 1);
    pulse(&p, 10);
    pic_write(&p, 0x20, 0x12); /* ICW1: single, no ICW4 */
    pic_write(&p, 0x21, 0x50);
    pic_write(&p, 0x21, 0xf0); /* already OCW1 */
    assert_int_equal(pic_read(&p, 0x21), 0xf0);
    assert_false(p.intr);
    pulse(&p, 1);
    assert_int_equal(pic_ack(&p), 0x51);
}

/* Special fully nested mode: a second, higher request of the slave gets through. */
static void test_special_fully_nested(void **state)
{
    (void)state;
    for (unsigned nested = 0; nested < 2; nested++) {
        struct pic_pair p;
        init(&p, (u8)(1 | nested << 4));
        pulse(&p, 12);
        assert_int_equal(pic_ack(&p), 0x3c);
        pulse(&p, 13);
        assert_false(p.intr); /* lower in the slave */
        pulse(&p, 8);
        assert_int_equal(p.intr, nested);
    }
}

/* ---------------------------------------------------- against the dumb model */
static void step(struct pic_pair *p, struct dumb d[2])
{
    const unsigned chip = (unsigned)random() & 1, x = (unsigned)random();
    const u16 port = chip ? 0xa0 : 0x20;
    const unsigned line = x >> 8 & 15, ir = x >> 8 & 7;
    switch (x & 15) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        pic_set_irq(p, line, x >> 12 & 1);
        if (line != 2)
            dumb_line(&d[line / 8], (int)(line % 8), (int)(x >> 12 & 1));
        break;
    case 5:
    case 6:
    case 7: assert_int_equal(pic_ack(p), dumb_ack(d)); break;
    case 8:
    case 9:
    case 10: { /* the four EOIs */
        const unsigned specific = x >> 12 & 1, rotate = (x >> 13 & 7) == 0;
        pic_write(p, port, (u8)(rotate << 7 | specific << 6 | 0x20 | ir));
        dumb_eoi(&d[chip], (int)specific, (int)ir, (int)rotate);
        break;
    }
    case 11:
        pic_write(p, port | 1, (u8)(x >> 8 & x >> 16));
        for (int i = 0; i < 8; i++)
            d[chip].imr[i] = (x >> 8 & x >> 16) >> i & 1;
        break;
    case 12:
        pic_write(p, port, (u8)(0x48 | (x >> 7 & 0x20)));
        d[chip].special = x >> 12 & 1;
        break;
    case 13:
        pic_write(p, port, (u8)(x >> 12 & 1 ? 0xc0 | ir : (x >> 13 & 1) << 7));
        if (x >> 12 & 1)
            d[chip].lowest = (int)ir;
        else
            d[chip].rotate_auto = x >> 13 & 1;
        break;
    case 14: {
        const u8 elcr = (u8)(x >> 8 & (chip ? 0xde : 0xf8));
        pic_write(p, (u16)(0x4d0 + chip), elcr);
        for (int i = 0; i < 8; i++) {
            d[chip].level[i] = elcr >> i & 1;
            d[chip].irr[i] |= d[chip].level[i] & d[chip].line[i];
        }
        break;
    }
    default: {
        pic_write(p, port, (u8)(0x0a | (x >> 8 & 1)));
        u8 irr = packed(d[chip].irr);
        if (chip == 0 && dumb_request(&d[1], d[1].irr) >= 0)
            irr |= 4;
        assert_int_equal(pic_read(p, port), x >> 8 & 1 ? packed(d[chip].isr) : irr);
        break;
    }
    }
    assert_int_equal(p->intr, dumb_master(d) >= 0);
}

static void test_against_model(void **state)
{
    (void)state;
    srandom(8259);
    for (unsigned round = 0; round < 4000; round++) {
        struct pic_pair p;
        struct dumb d[2] = {{.lowest = 7}, {.lowest = 7}};
        const int auto_eoi = round % 8 == 0;
        init(&p, auto_eoi ? 3 : 1);
        d[0].auto_eoi = d[1].auto_eoi = auto_eoi;
        for (unsigned i = 0; i < 500; i++)
            step(&p, d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linux_probe),
        cmocka_unit_test(test_every_line_gives_its_vector),
        cmocka_unit_test(test_priority_and_nesting),
        cmocka_unit_test(test_irr_follows_the_line),
        cmocka_unit_test(test_spurious),
        cmocka_unit_test(test_level_triggered),
        cmocka_unit_test(test_icw1_rearms_edges),
        cmocka_unit_test(test_auto_eoi),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_special_mask),
        cmocka_unit_test(test_poll),
        cmocka_unit_test(test_single),
        cmocka_unit_test(test_special_fully_nested),
        cmocka_unit_test(test_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
