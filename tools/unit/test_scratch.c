/* control/scratch.c: the registers of the test device. */
#include "control/scratch.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct scratch s;

static void test_registers(void **state)
{
    (void)state;
    scratch_reset(&s, 3);
    assert_int_equal(scratch_write(&s, 4, 4, 0x11223344), 0);
    assert_int_equal(scratch_read(&s, 5, 2), 0x2233);
    assert_int_equal(scratch_write(&s, 15, 2, 0xffff), 0); /* over the end: nothing */
    assert_int_equal(scratch_read(&s, 15, 1), 0);
    assert_int_equal(scratch_write(&s, SCRATCH_WIDE, 8, 0x0102030405060708), 0);
    assert_int_equal(scratch_read(&s, SCRATCH_WIDE + 4, 4), 0x01020304);
    assert_int_equal(scratch_read(&s, SCRATCH_READS, 4), 1);
    assert_int_equal(scratch_read(&s, SCRATCH_READS, 4), 2);
    assert_int_equal(scratch_read(&s, SCRATCH_ID, 4), SCRATCH_IDENT);
    assert_int_equal(scratch_read(&s, SCRATCH_LIFE, 4), 3);
    assert_int_equal(scratch_read(&s, 0xfff, 1), 0);
    assert_int_equal(scratch_read(&s, ~0ull, 8), 0);
    assert_int_equal(scratch_write(&s, SCRATCH_COMMAND, 4, 0x105), 0x105);
    assert_int_equal(scratch_write(&s, SCRATCH_COMMAND, 2, 0x105), 0);
    s.result = 77;
    assert_int_equal(scratch_read(&s, SCRATCH_COMMAND, 4), 77);
    s.rings[1] = 5;
    assert_int_equal(scratch_read(&s, SCRATCH_RINGS_7, 4), 5);
    scratch_reset(&s, 4);
    assert_int_equal(scratch_read(&s, 4, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_registers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
