/* boot/ctl.c: the arithmetic of control negotiation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "boot/ctl.h"

static const struct {
    const char *what;
    struct ctl_wish wish;
    struct ctl_cap cap;
    err_t error;
    struct ctl expect;
} cases[] = {
    {"reserved ones stay", {.must = 0x9}, {0x16, 0x7f, 0x16}, OK, {.value = 0x1f}},
    {"no opinion, no default", {0}, {0x16, 0x7f, 0x16}, OK, {.value = 0x16}},
    {"no opinion, default 1", {0}, {0x02, 0x7f, 0x16}, OK, {.value = 0x16}},
    {"never beats the default", {.never = 0x10}, {0x02, 0x7f, 0x16}, OK, {.value = 0x06}},
    {"toggle starts as 0", {.toggle = 0x14}, {0x02, 0x7f, 0x16}, OK, {.value = 0x02}},
    {"a default that cannot be 1", {0}, {0x02, 0x0f, 0x16}, OK, {.value = 0x06}},
    {"wanted and there", {.want = 0x80}, {0, 0xff, 0}, OK, {.value = 0x80}},
    {"wanted, not there", {.want = 0x80}, {0, 0x7f, 0}, OK, {.without = 0x80}},
    {"must, not there", {.must = 0x81}, {0, 0x7f, 0}, E_NOTSUP, {.value = 0x01, .lacking = 0x80}},
    {"toggle, not there", {.toggle = 0x80}, {0, 0x7f, 0}, E_NOTSUP, {.lacking = 0x80}},
    {"toggle, stuck", {.toggle = 0x40}, {0x40, 0x7f, 0}, E_NOTSUP, {.value = 0x40, .forced = 0x40}},
    {"never, stuck", {.never = 0x41}, {0x40, 0x7f, 0}, E_NOTSUP, {.value = 0x40, .forced = 0x40}},
    {"must and want", {.must = 1, .want = 1}, {0, 0, 0}, E_NOTSUP, {.lacking = 1}},
    {"must and never", {.must = 1, .never = 1}, {0, 1, 0}, E_INVAL, {.value = 1}},
    {"want and toggle", {.want = 1, .toggle = 1}, {0, 1, 0}, E_INVAL, {.value = 1}},
    {"never and toggle", {.never = 1, .toggle = 1}, {0, 1, 0}, E_INVAL, {0}},
    {"capability nonsense", {0}, {2, 1, 0}, E_INVAL, {.value = 2}},
    {"64 bits", {.must = BIT(63)}, {0, BIT(63), 0}, OK, {.value = BIT(63)}},
};

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ctl got = {~0ull, ~0ull, ~0ull, ~0ull};

        print_message("  %s\n", cases[i].what);
        assert_int_equal(ctl_resolve(cases[i].wish, cases[i].cap, &got), cases[i].error);
        assert_int_equal(got.value, cases[i].expect.value);
        assert_int_equal(got.lacking, cases[i].expect.lacking);
        assert_int_equal(got.forced, cases[i].expect.forced);
        assert_int_equal(got.without, cases[i].expect.without);
    }
}

static void capability_msrs(void **state)
{
    const struct ctl_cap pair = ctl_cap_pair(0xfff9fffe0401e172, 0xfff9fffe04006172);
    const struct ctl_cap allowed = ctl_cap_allowed1(0x800000000000001f);
    struct ctl c;

    (void)state;
    assert_int_equal(pair.must1, 0x04006172);
    assert_int_equal(pair.may1, 0xfff9fffe);
    assert_int_equal(pair.default1, 0x0401e172);
    assert_int_equal(allowed.must1, 0);
    assert_int_equal(allowed.default1, 0);
    assert_int_equal(allowed.may1, 0x800000000000001f);
    /* CR3 exits are stuck for those who see only the plain MSR, and free by the TRUE one. */
    assert_int_equal(ctl_resolve((struct ctl_wish){.never = 0x18000}, pair, &c), OK);
    assert_int_equal(c.value, 0x04006172);
    assert_int_equal(ctl_resolve((struct ctl_wish){.never = 0x18000},
                                 ctl_cap_pair(0xfff9fffe0401e172, 0xfff9fffe0401e172), &c),
                     E_NOTSUP);
    assert_int_equal(c.forced, 0x18000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(capability_msrs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
