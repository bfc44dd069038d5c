/* control/said.c: the last lines, whole ones, also out of memory that something has spoiled. */
#include "control/said.h"
#include "tools/unit/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct said s;
static char text[SAID_BYTES + 1];

static int fresh(void **state)
{
    (void)state;
    memset(&s, 0, sizeof(s));
    return 0;
}

static const char *last(u32 lines, size_t size)
{
    memset(text, 'Z', sizeof(text));
    said_last(&s, lines, text, size);
    return text;
}

static void add(const char *line)
{
    said_add(&s, line, strlen(line));
}

static void test_few(void **state)
{
    (void)state;
    assert_string_equal(last(10, sizeof(text)), "");
    add("one");
    add("");
    add("three\x1b[2J");
    assert_string_equal(last(10, sizeof(text)), "one\n\nthree.[2J\n");
    assert_string_equal(last(2, sizeof(text)), "\nthree.[2J\n");
    assert_string_equal(last(1, sizeof(text)), "three.[2J\n");
    assert_string_equal(last(0, sizeof(text)), "");
    assert_string_equal(last(10, 13), "\nthree.[2J\n"); /* no part of a line */
    assert_string_equal(last(10, 5), "");
    assert_string_equal(last(10, 1), "");
}

/* It has gone round: the lines that are there are the last ones, without a gap. */
static void test_round(void **state)
{
    char line[32];
    unsigned first;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(line, sizeof(line), "line %u", i);
        add(line);
    }
    assert_int_equal(sscanf(last(100000, sizeof(text)), "line %u\n", &first), 1);
    assert_true(strlen(text) > SAID_BYTES - 32);
    for (const char *at = text; *at; first++) {
        snprintf(line, sizeof(line), "line %u\n", first);
        assert_memory_equal(at, line, strlen(line));
        at += strlen(line);
    }
    assert_int_equal(first, 5000);
    assert_string_equal(last(2, sizeof(text)), "line 4998\nline 4999\n");
}

/* Anything may have been written there. */
static void test_spoiled(void **state)
{
    struct random r = {1};

    (void)state;
    for (u32 round = 0; round < 200; round++) {
        u8 *const bytes = (u8 *)&s;

        for (size_t i = 0; i < sizeof(s); i++)
            bytes[i] = (u8)random_next(&r);
        for (u32 lines = 0; lines < 300; lines += 50) {
            const size_t size = 1 + random_below(&r, SAID_BYTES);
            const char *const got = last(lines, size);

            assert_true(strlen(got) < size);
            for (const char *at = got; *at; at++)
                assert_true(*at == '\n' || (*at >= ' ' && *at <= '~'));
        }
        add("good");
        assert_string_equal(last(1, sizeof(text)) + strlen(text) - 5, "good\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_few, fresh),
        cmocka_unit_test_setup(test_round, fresh),
        cmocka_unit_test_setup(test_spoiled, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
