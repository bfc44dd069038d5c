/* control/manage/outbox.c: what is said comes out once, in order, and what there is no room for is
 * missed in one place that says so. */
#include "control/manage/outbox.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 128u

static struct outbox o;
static char text[SIZE];

static int fresh(void **state)
{
    (void)state;
    outbox_init(&o, text, SIZE);
    return 0;
}

/* All that is there, as a text. */
static const char *take_all(void)
{
    static char out[SIZE + 1];
    const char *at;
    const u32 len = outbox_peek(&o, &at);

    memcpy(out, at, len);
    out[len] = '\0';
    outbox_take(&o, len);
    return out;
}

static void test_order(void **state)
{
    const char *at;

    (void)state;
    assert_int_equal(outbox_peek(&o, &at), 0);
    outbox_put(&o, "one ", 4);
    outbox_put(&o, "two", 3);
    assert_int_equal(outbox_peek(&o, &at), 7);
    outbox_take(&o, 2);
    outbox_put(&o, "!", 1);
    assert_string_equal(take_all(), "e two!");
    assert_int_equal(outbox_peek(&o, &at), 0);
}

static void test_cut(void **state)
{
    char long_one[SIZE];
    const char *got;

    (void)state;
    memset(long_one, 'x', sizeof(long_one));
    outbox_put(&o, long_one, 20);
    outbox_put(&o, long_one, sizeof(long_one));
    outbox_put(&o, "lost", 4);
    got = take_all();
    assert_int_equal(strlen(got), SIZE);
    assert_non_null(strstr(got, "x\r\n... and more than there is room for; ask for less\r\n"));
    assert_null(strstr(got, "lost"));
    outbox_put(&o, "new", 3); /* and it goes on */
    assert_string_equal(take_all(), "new");
}

/* Lengths up to what there is room for, and one more. */
static void test_brim(void **state)
{
    char line[SIZE];
    const char *got;

    (void)state;
    memset(line, 'y', sizeof(line));
    for (u32 len = 0; len < SIZE; len++) {
        outbox_put(&o, line, len);
        got = take_all();
        assert_true(strlen(got) == len || (strlen(got) == SIZE && strstr(got, "ask for less")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_order, fresh),
        cmocka_unit_test_setup(test_cut, fresh),
        cmocka_unit_test_setup(test_brim, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
