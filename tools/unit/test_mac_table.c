/* control/net/mac_table.c: what is forgotten, and when. */
#include "control/net/mac_table.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct mac_table t;

static int fresh(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    return 0;
}

/* Addresses that share their places with `first`: those whose arrival, with others, makes it
 * forgotten. */
static u32 neighbours(u64 first, u64 *mac, u32 count)
{
    u32 found = 0;

    for (u64 m = first + 1; found < count && m < first + 100000; m++) {
        memset(&t, 0, sizeof(t));
        (void)mac_learn(&t, first, 1, 0);
        (void)mac_learn(&t, m, 1, 0);
        for (u32 set = 0; set < MAC_SETS; set++)
            if (t.row[set][0].mac && t.row[set][1].mac)
                mac[found++] = m;
    }
    memset(&t, 0, sizeof(t));
    return found;
}

static void test_age(void **state)
{
    (void)state;
    assert_int_equal(mac_find(&t, 5, 0), MAC_NOBODY);
    assert_true(mac_learn(&t, 5, 7, 1000));
    assert_int_equal(mac_find(&t, 5, 1000 + MAC_AGE_US), 7);
    assert_int_equal(mac_find(&t, 5, 1001 + MAC_AGE_US), MAC_NOBODY);
    assert_int_equal(mac_find(&t, 5, 1000), MAC_NOBODY); /* it is forgotten for good */
    assert_true(mac_learn(&t, 5, 7, 1000));
    assert_true(mac_learn(&t, 5, 8, 2000)); /* it moves */
    assert_int_equal(mac_find(&t, 5, 2000 + MAC_AGE_US), 8);
}

static void test_places(void **state)
{
    u64 mac[MAC_WAYS + 1];

    (void)state;
    assert_int_equal(neighbours(0x1000, mac, MAC_WAYS + 1), MAC_WAYS + 1);
    for (u32 i = 0; i < MAC_WAYS; i++)
        assert_true(mac_learn(&t, mac[i], i, 100 + i));
    assert_true(mac_learn(&t, mac[0], 0, 200)); /* now the second one is the oldest */
    assert_true(mac_learn(&t, mac[MAC_WAYS], 9, 300));
    assert_int_equal(mac_find(&t, mac[1], 300), MAC_NOBODY);
    assert_int_equal(mac_find(&t, mac[0], 300), 0);
    assert_int_equal(mac_find(&t, mac[2], 300), 2);
    assert_int_equal(mac_find(&t, mac[MAC_WAYS], 300), 9);
}

static void test_own(void **state)
{
    u64 mac[MAC_WAYS + 1];

    (void)state;
    assert_int_equal(neighbours(0x2000, mac, MAC_WAYS + 1), MAC_WAYS + 1);
    assert_true(mac_learn(&t, mac[0], 3, 1));
    for (u32 i = 0; i < MAC_WAYS; i++) /* the first one was learned behind another port */
        assert_int_equal(mac_add_own(&t, mac[i], i), OK);
    assert_int_equal(mac_add_own(&t, mac[0], 5), E_EXIST);
    assert_int_equal(mac_add_own(&t, mac[MAC_WAYS], 5), E_NOMEM);
    assert_true(mac_learn(&t, mac[MAC_WAYS], 5, 1)); /* there is no place: it stays unknown */
    assert_int_equal(mac_find(&t, mac[MAC_WAYS], 1), MAC_NOBODY);
    assert_true(mac_learn(&t, mac[1], 1, 1));
    assert_false(mac_learn(&t, mac[1], 2, 1));
    assert_int_equal(mac_find(&t, mac[1], UINT64_MAX), 1);
    mac_forget_port(&t, 1);
    assert_int_equal(mac_find(&t, mac[1], 1), MAC_NOBODY);
    assert_int_equal(mac_find(&t, mac[2], 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_age, fresh),
        cmocka_unit_test_setup(test_places, fresh),
        cmocka_unit_test_setup(test_own, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
