/* arch/x86_64/lib/fmt.c against libc's snprintf, and where it differs on purpose. */
#include "lib/fmt.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Both printf's with the same arguments must agree on text and length, at every buffer size. */
#define SAME(...)                                                                                  \
    do {                                                                                           \
        char want_[128], got_[128];                                                                \
        const size_t full_ = (size_t)snprintf(want_, sizeof(want_), __VA_ARGS__);                  \
                                                                                                   \
        for (size_t size_ = 1; size_ <= full_ + 2; size_++) {                                      \
            memset(got_, 0x55, sizeof(got_));                                                      \
            snprintf(want_, size_, __VA_ARGS__);                                                   \
            assert_int_equal(fmt_buf(got_, size_, __VA_ARGS__), full_);                            \
            assert_string_equal(got_, want_);                                                      \
            assert_int_equal(got_[size_], 0x55);                                                   \
        }                                                                                          \
    } while (0)

static void test_integers(void **state)
{
    (void)state;
    SAME("%d %i %u", 0, -1, 4294967295u);
    SAME("%d", -2147483647 - 1);
    SAME("%ld %lu", INT64_MIN, UINT64_MAX);
    SAME("%lld %llx", (long long)-5, 0xdeadbeefcafef00dull);
    SAME("%zu %zx", (size_t)1 << 40, SIZE_MAX);
    SAME("%x %X", 0xabcdef01u, 0xabcdef01u);
    SAME("%d%%", 100);
}

static void test_widths(void **state)
{
    (void)state;
    SAME("[%5d][%-5d][%05d]", 42, 42, 42);
    SAME("[%5d][%-5d][%05d]", -42, -42, -42);
    SAME("[%2x][%016lx][%-8x]", 0x12345u, 0xffffffff80000000ul, 0x1fu);
    SAME("[%*d][%-*d][%*d]", 6, 1, 6, 2, -6, 3);
    SAME("[%c][%3c][%-3c]", 'a', 'b', 'c');
}

static void test_strings(void **state)
{
    static const char unterminated[3] = {'x', 'y', 'z'};

    (void)state;
    SAME("[%s][%6s][%-6s]", "abc", "abc", "abc");
    SAME("[%.2s][%6.1s][%.0s][%.9s]", "abc", "abc", "abc", "abc");
    SAME("[%.*s][%.*s]", 2, "abc", -1, "abc");
    SAME("[%.3s]", unterminated);
    SAME("%s", "");
}

static void test_pointer(void **state)
{
    char got[32];

    (void)state;
    fmt_buf(got, sizeof(got), "%p", (void *)(uintptr_t)0xffff800000001000ull);
    assert_string_equal(got, "0xffff800000001000");
    fmt_buf(got, sizeof(got), "[%8p]", NULL);
    assert_string_equal(got, "[     0x0]");
}

/* What the compiler would reject: an unknown conversion comes through as it stands and takes no
 * argument; of contradicting flags '-' wins. */
static void test_formats_that_the_compiler_rejects(void **state)
{
    static const struct {
        const char *format, *want;
    } cases[] = {
        {"%q %d", "%q 7"}, {"%n%d", "%n7"}, {"%f|%d", "%f|7"}, {"%", "%"},
        {"%5", "%5"},      {"%ll", "%ll"},  {"%-0", "%-0"},
    };
    char got[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t (*volatile untyped)(char *, size_t, const char *, ...) = fmt_buf;

        untyped(got, sizeof(got), cases[i].format, 7);
        assert_string_equal(got, cases[i].want);
    }
}

static void test_null_and_no_room(void **state)
{
    const char *volatile null = NULL;
    char guard = 0x55;
    char got[16];

    (void)state;
    fmt_buf(got, sizeof(got), "%s", null);
    assert_string_equal(got, "(null)");
    assert_int_equal(fmt_buf(&guard, 0, "%d", 12345), 5);
    assert_int_equal(guard, 0x55);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_pointer),
        cmocka_unit_test(test_formats_that_the_compiler_rejects),
        cmocka_unit_test(test_null_and_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
