/* What a guest's configuration says of its devices, as the control partition reads it. */
#include "control/served/device_text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_lines(void **state)
{
    const char *at = "disk ide0:2,ro\nnet lan\nfloppy a\ndisk memory:8M\nrng on\nhvc off";
    struct device_line line;

    (void)state;
    assert_int_equal(device_line_next(&at, &line), OK);
    assert_int_equal(line.kind, DEVICE_DISK);
    assert_string_equal(line.text, "ide0:2,ro");
    assert_int_equal(device_line_next(&at, &line), OK);
    assert_int_equal(line.kind, DEVICE_NET);
    assert_string_equal(line.text, "lan");
    assert_int_equal(device_line_next(&at, &line), E_INVAL);
    assert_string_equal(line.text, "floppy a");
    assert_int_equal(device_line_next(&at, &line), OK);
    assert_string_equal(line.text, "memory:8M");
    assert_int_equal(device_line_next(&at, &line), OK);
    assert_int_equal(line.kind, DEVICE_RNG);
    assert_string_equal(line.text, "on");
    assert_int_equal(device_line_next(&at, &line), OK);
    assert_int_equal(line.kind, DEVICE_HVC);
    assert_string_equal(line.text, "off");
    assert_int_equal(device_line_next(&at, &line), E_NOENT);
    at = "";
    assert_int_equal(device_line_next(&at, &line), E_NOENT);
}

/* A line that is too long is refused as a whole; a byte less is not. */
static void test_long_lines(void **state)
{
    static char text[2 * DEVICE_TEXT_MAX];
    struct device_line line;

    (void)state;
    for (u32 extra = 0; extra < 2; extra++) {
        const char *at = text;
        const size_t len = DEVICE_TEXT_MAX - 1 + extra;

        memset(text, 0, sizeof(text));
        memcpy(text, "disk ", 5);
        memset(text + 5, 'x', len);
        memcpy(text + 5 + len, "\nnet a", 6);
        assert_int_equal(device_line_next(&at, &line), extra ? E_INVAL : OK);
        assert_int_equal(strlen(line.text), DEVICE_TEXT_MAX - 1);
        assert_int_equal(device_line_next(&at, &line), OK);
        assert_string_equal(line.text, "a");
    }
}

static void test_switches(void **state)
{
    static const char *const bad[] = {"", "off", "o", "on ", "onn", "On", "on,ro"};
    const char *why = NULL;

    (void)state;
    assert_int_equal(switch_text_parse("on", &why), OK);
    assert_null(why);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        why = NULL;
        assert_int_equal(switch_text_parse(bad[i], &why), E_INVAL);
        assert_non_null(strstr(why, "allowed: on"));
    }
}

static void test_networks(void **state)
{
    static const struct {
        const char *text, *why; /* NULL: good */
    } cases[] = {
        {"lan", NULL},
        {"a-b_9,mac=52:54:00:aB:Cd:0f", NULL},
        {"lan,vlan", NULL},
        {"lan,anymac,mac=52:54:00:ab:cd:0f,vlan", NULL},
        {"", "name of a switch"},
        {"Lan", "name of a switch"},
        {"0123456789abcdef", "name of a switch"},
        {"lan,", ",mac="},
        {"lan,vlan=3", ",mac="},
        {"lan vlan", ",mac="},
        {"lan,any", ",mac="},
        {"lan,anymac,", ",mac="},
        {"lan,mac=", "one station"},
        {"lan,mac=52:54:00:ab:cd", "one station"},
        {"lan,mac=52:54:00:ab:cd:0f:", "one station"},
        {"lan,mac=52-54-00-ab-cd-0f", "one station"},
        {"lan,mac=53:54:00:ab:cd:0f", "one station"},
        {"lan,mac=00:00:00:00:00:00", "one station"},
        {"lan,mac=5g:54:00:ab:cd:0f", "one station"},
    };
    static const u8 mac[] = {0x52, 0x54, 0, 0xab, 0xcd, 0x0f};
    struct net_text net;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = NULL;
        const err_t err = net_text_parse(cases[i].text, &net, &why);

        assert_int_equal(err, cases[i].why ? E_INVAL : OK);
        if (cases[i].why)
            assert_non_null(strstr(why, cases[i].why));
        else
            assert_null(why);
    }
    (void)net_text_parse(cases[3].text, &net, &(const char *){NULL});
    assert_true(net.any_source && net.vlan && net.has_mac);
    (void)net_text_parse(cases[1].text, &net, &(const char *){NULL});
    assert_false(net.any_source || net.vlan);
    assert_string_equal(net.lan, "a-b_9");
    assert_memory_equal(net.mac.byte, mac, sizeof(mac));
}

static void test_own_addresses(void **state)
{
    const struct net_mac a = net_text_mac("a", 0), again = net_text_mac("a", 0),
                         other = net_text_mac("a", 1), another = net_text_mac("b", 0);

    (void)state;
    assert_memory_equal(&a, &again, sizeof(a));
    assert_memory_not_equal(&a, &other, sizeof(a));
    assert_memory_not_equal(&a, &another, sizeof(a));
    assert_int_equal(a.byte[0] & 3, 2); /* locally administered, one station */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),         cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_switches),      cmocka_unit_test(test_networks),
        cmocka_unit_test(test_own_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
