/* arch/x86_64/lib/json.c: exact texts, the escapes, and what does not fit. */
#include "lib/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void write_all(struct json *j)
{
    json_number(j, "n", UINT64_MAX);
    json_string(j, "s", "a\"b\\c\n\x7f\xc3\xa9");
    json_array(j, "list");
    json_number(j, NULL, 0);
    json_object(j, NULL);
    json_bool(j, "yes", true);
    json_null(j, "none");
    json_close(j);
    json_array(j, NULL);
    json_close(j);
    json_close(j);
    json_bool(j, "no", false);
}

static const char expected[] = "{\n"
                               " \"n\": 18446744073709551615,\n"
                               " \"s\": \"a\\\"b\\\\c\\u000a\\u007f\\u00c3\\u00a9\",\n"
                               " \"list\": [\n"
                               "  0,\n"
                               "  {\n"
                               "   \"yes\": true,\n"
                               "   \"none\": null\n"
                               "  },\n"
                               "  []\n"
                               " ],\n"
                               " \"no\": false\n"
                               "}\n";

static void test_text(void **state)
{
    char text[sizeof(expected)] = {0};
    struct json j;

    (void)state;
    json_begin(&j, text, sizeof(text));
    write_all(&j);
    assert_true(json_finish(&j));
    assert_int_equal(j.len, sizeof(expected) - 1);
    assert_string_equal(text, expected);
}

/* A buffer of any size gets the text's beginning and not a byte more. */
static void test_every_capacity(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity <= sizeof(expected); capacity++) {
        char *const text = malloc(capacity ? capacity : 1);
        struct json j;

        assert_non_null(text);
        json_begin(&j, text, capacity);
        write_all(&j);
        assert_int_equal(json_finish(&j), capacity >= sizeof(expected) - 1);
        assert_int_equal(j.len, sizeof(expected) - 1);
        assert_memory_equal(text, expected,
                            capacity < sizeof(expected) ? capacity : sizeof(expected) - 1);
        free(text);
    }
}

static void test_too_deep(void **state)
{
    char text[4096];
    struct json j;

    (void)state;
    json_begin(&j, text, sizeof(text));
    for (u32 i = 0; i < JSON_DEPTH_MAX + 2; i++)
        json_array(&j, i ? NULL : "deep");
    for (u32 i = 0; i < JSON_DEPTH_MAX + 2; i++)
        json_close(&j);
    assert_false(json_finish(&j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_every_capacity),
        cmocka_unit_test(test_too_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
