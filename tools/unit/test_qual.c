/* vmx/qual.h: each bit of a qualification lands in its member, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vmx/qual.h"

static void control_registers(void **state)
{
    static const struct {
        u64 qual;
        struct qual_cr expect;
    } cases[] = {
        {0x000, {.cr = 0, .access = QUAL_MOV_TO_CR, .greg = 0}},
        {0x304, {.cr = 4, .access = QUAL_MOV_TO_CR, .greg = 3}},
        {0xf18, {.cr = 8, .access = QUAL_MOV_FROM_CR, .greg = 15}},
        {0x020, {.cr = 0, .access = QUAL_CLTS}},
        {0xffff0030, {.access = QUAL_LMSW, .lmsw_source = 0xffff}},
        {0x00010070, {.access = QUAL_LMSW, .lmsw_source = 1, .lmsw_memory = true}},
        {0xffffffff00000080, {0}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct qual_cr got = qual_cr(cases[i].qual);

        assert_int_equal(got.cr, cases[i].expect.cr);
        assert_int_equal(got.access, cases[i].expect.access);
        assert_int_equal(got.greg, cases[i].expect.greg);
        assert_int_equal(got.lmsw_memory, cases[i].expect.lmsw_memory);
        assert_int_equal(got.lmsw_source, cases[i].expect.lmsw_source);
    }
}

static void io(void **state)
{
    static const struct {
        u64 qual;
        struct qual_io expect;
    } cases[] = {
        {0x03f80000, {.port = 0x3f8, .size = 1}},
        {0x03f80008, {.port = 0x3f8, .size = 1, .in = true}},
        {0x00700041, {.port = 0x70, .size = 2, .immediate = true}},
        {0x0cf80003, {.port = 0xcf8, .size = 4}},
        {0xffff003b, {.port = 0xffff, .size = 4, .in = true, .string = true, .rep = true}},
        {0x00800002, {.port = 0x80, .size = 0}}, /* not a size */
        {0x00800007, {.port = 0x80, .size = 0}},
        {0xffffffff0000ff80, {.port = 0, .size = 1}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct qual_io got = qual_io(cases[i].qual);

        assert_int_equal(got.port, cases[i].expect.port);
        assert_int_equal(got.size, cases[i].expect.size);
        assert_int_equal(got.in, cases[i].expect.in);
        assert_int_equal(got.string, cases[i].expect.string);
        assert_int_equal(got.rep, cases[i].expect.rep);
        assert_int_equal(got.immediate, cases[i].expect.immediate);
    }
}

/* The members in the order of the bits; false: no bit of its own. */
static u64 ept_bits(struct qual_ept q)
{
    return (u64)q.read << 0 | (u64)q.write << 1 | (u64)q.fetch << 2 | (u64)q.readable << 3 |
           (u64)q.writable << 4 | (u64)q.executable << 5 | (u64)q.linear_valid << 7 |
           (u64)q.final << 8 | (u64)q.nmi_iret << 12;
}

static void ept(void **state)
{
    (void)state;
    for (u32 bit = 0; bit < 64; bit++) {
        const u64 defined = 0x10bf; /* bit 8 alone says nothing */

        assert_int_equal(ept_bits(qual_ept(BIT(bit))), BIT(bit) & defined);
    }
    assert_int_equal(ept_bits(qual_ept(0x180)), 0x180);
    assert_int_equal(ept_bits(qual_ept(~0ull)), 0x11bf);
}

static void debug(void **state)
{
    (void)state;
    for (u32 bit = 0; bit < 64; bit++) {
        const struct qual_debug q = qual_debug(BIT(bit));

        assert_int_equal(q.breakpoints, bit < 4 ? BIT(bit) : 0);
        assert_int_equal(q.bus_lock, bit == 11);
        assert_int_equal(q.debug_register, bit == 13);
        assert_int_equal(q.single_step, bit == 14);
        assert_int_equal(q.rtm, bit == 16);
    }
    assert_int_equal(qual_dr(0x0f17).dr, 7);
    assert_true(qual_dr(0x0f17).read);
    assert_int_equal(qual_dr(0x0f17).greg, 15);
    assert_false(qual_dr(0x0300).read);
    assert_int_equal(qual_dr(0x0300).greg, 3);
}

static void task_switch(void **state)
{
    (void)state;
    assert_int_equal(qual_task(0xc0001234).selector, 0x1234);
    assert_int_equal(qual_task(0xc0001234).source, QUAL_TASK_GATE);
    assert_int_equal(qual_task(0x00000028).source, QUAL_TASK_CALL);
    assert_int_equal(qual_task(0x40000028).source, QUAL_TASK_IRET);
    assert_int_equal(qual_task(0x80000028).source, QUAL_TASK_JMP);
}

static void interruption(void **state)
{
    (void)state;
    assert_int_equal(intr_info(INTR_EXTERNAL, 0x20, false), 0x80000020);
    assert_int_equal(intr_info(INTR_NMI, 2, false), 0x80000202);
    assert_int_equal(intr_info(INTR_HARDWARE_EXCEPTION, 13, true), 0x80000b0d);
    assert_int_equal(intr_info(INTR_SOFTWARE_INTERRUPT, 0x180, false), 0x80000480);
    assert_int_equal(intr_info_type(0x80000b0d), INTR_HARDWARE_EXCEPTION);
    assert_int_equal(intr_info_type(0xfffff8ff), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_registers),
        cmocka_unit_test(io),
        cmocka_unit_test(ept),
        cmocka_unit_test(debug),
        cmocka_unit_test(task_switch),
        cmocka_unit_test(interruption),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
