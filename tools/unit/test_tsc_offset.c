/* arch/x86_64/tsc_offset.h: what readings of another CPU's time-stamp counter prove. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86_64/tsc_offset.h"

static const struct {
    const char *what;
    struct {
        u64 sent, theirs, received;
    } reading[3];
    i64 least, most;
    bool may_be_0;
} cases[] = {
    {"equal", {{100, 110, 120}, {200, 201, 230}, {300, 329, 330}}, -1, 1, true},
    {"at the moment of sending", {{100, 100, 120}, {200, 200, 220}, {300, 300, 320}}, -20, 0, true},
    {"of receiving", {{100, 120, 120}, {200, 220, 220}, {300, 320, 320}}, 0, 20, true},
    {"ahead", {{100, 121, 120}, {200, 215, 220}, {300, 330, 320}}, 10, 15, false},
    {"behind by one tick", {{100, 99, 120}, {200, 210, 220}, {300, 310, 320}}, -10, -1, false},
    {"far behind", {{1000, 5, 1020}, {1100, 105, 1120}, {1200, 205, 1220}}, -1015, -995, false},
    {"they wrap", {{~0ull - 9, 0, 10}, {5, 10, 15}, {20, 25, 30}}, -5, 5, true},
    {"only theirs has wrapped",
     {{~0ull - 9, 90, ~0ull}, {10, 105, 20}, {20, 120, 40}},
     91,
     95,
     false},
};

static void test_readings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tsc_offset o = TSC_OFFSET_UNKNOWN;

        for (size_t j = 0; j < ARRAY_LEN(cases[i].reading); j++)
            tsc_offset_note(&o, cases[i].reading[j].sent, cases[i].reading[j].theirs,
                            cases[i].reading[j].received);
        if (o.least != cases[i].least || o.most != cases[i].most ||
            tsc_offset_may_be_0(&o) != cases[i].may_be_0)
            fail_msg("%s: %ld to %ld", cases[i].what, o.least, o.most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
