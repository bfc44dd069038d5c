/* control/create/spec.c: from a typed line to what a guest is made of. */
#include "control/create/spec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VOLUME "ide1:2:"

static struct abi_guest_spec spec;
static char why[SPEC_WHY];

static bool make_on(const char *line, const char *volume)
{
    static const struct shell_names names;
    static struct shell_order order;
    char error[SHELL_ERROR];

    if (!shell_parse(line, &names, &order, error))
        fail_msg("%s: %s", line, error);
    memset(&spec, 0x5a, sizeof(spec));
    why[0] = '\0';
    return spec_make(&order, volume, &spec, why);
}

static void make(const char *line)
{
    if (!make_on(line, VOLUME))
        fail_msg("%s: %s", line, why);
}

static void refuses(const char *line, const char *word)
{
    assert_false(make_on(line, VOLUME));
    if (!strstr(why, word))
        fail_msg("%s: \"%s\", not \"%s\"", line, why, word);
}

static void test_defaults(void **state)
{
    (void)state;
    make("create g --kernel vmlinuz");
    assert_string_equal(spec.name, "g");
    assert_int_equal(spec.memory, 64 * MiB);
    assert_int_equal(spec.vcpus, 1);
    assert_int_equal(spec.held, 0);
    assert_int_equal(spec.apicv_off, 0);
    assert_string_equal(spec.kernel, VOLUME "/lintel/vmlinuz");
    assert_string_equal(spec.initrd, "");
    assert_string_equal(spec.cmdline, "");
    assert_string_equal(spec.devices, "");
}

static void test_all(void **state)
{
    (void)state;
    make("create web --kernel \\vm\\linux --initrd /vm/initrd --cmdline 'a  b' --memory 1G --vcpus "
         "8 "
         "--paused --apicv off");
    assert_string_equal(spec.kernel, VOLUME "/vm/linux");
    assert_string_equal(spec.initrd, VOLUME "/vm/initrd");
    assert_string_equal(spec.cmdline, "a  b");
    assert_int_equal(spec.memory, GiB);
    assert_int_equal(spec.vcpus, 8);
    assert_int_equal(spec.held, 1);
    assert_int_equal(spec.apicv_off, 1);
    make("create web --kernel ide0::\\vm\\linux");
    assert_string_equal(spec.kernel, "ide0::/vm/linux");
}

static void test_devices(void **state)
{
    (void)state;
    make("create g --kernel k --disk file=\\vm\\a.img,cache=none --disk partition=ide0:3,readonly "
         "--disk whole=ide1 --disk memory=64M --network mac=52:54:00:00:00:01 "
         "--network switch=in,anymac,vlan");
    assert_string_equal(spec.devices, "disk " VOLUME "/vm/a.img,cache=none\n"
                                      "disk ide0:3,ro\n"
                                      "disk ide1\n"
                                      "disk memory:65536K\n"
                                      "net lan,mac=52:54:00:00:00:01\n"
                                      "net in,anymac,vlan\n");
    make("create g --kernel k --disk file=ide0:1:/a,cache=unsafe,readonly --network switch=a");
    assert_string_equal(spec.devices, "disk ide0:1:/a,cache=unsafe,ro\nnet a\n");
}

static void test_refused(void **state)
{
    (void)state;
    refuses("create g --kernel ide0:1", "is no file; it is like \\lintel\\vmlinuz");
    refuses("create g --kernel ide0:1:x", "is no file");
    refuses("create g --kernel memory:1M", "is no file");
    refuses("create g --kernel a,b", "is no file");
    refuses("create g --kernel a --initrd ide0:1", "is no file");
    refuses("create g --kernel a --disk memory=1000", "is not whole KiB");
    refuses("create g --kernel a --disk whole=ide0:1:2:3", "--disk: ide0:1:2:3: character");
    refuses("create g --kernel a --disk partition=0123456789abcdef", "--disk: 0123456789abcdef: ");
    refuses("create g --kernel a --network switch=A", "name of a switch");
    refuses("create g --kernel a --network switch=0123456789abcdef", "name of a switch");
    refuses(
        "create g --kernel "
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaa",
        "the path is too long");
    assert_false(make_on("create g --kernel a", ""));
    assert_non_null(strstr(why, "name the file's disk, like ide0:1:/lintel/vmlinuz"));
    assert_true(make_on("create g --kernel ide0::/a", ""));
    assert_false(make_on("create g --kernel ide0::/a --disk file=b", ""));
}

/* Lines are as long as they may be; the text of devices is never cut off. */
static void test_long(void **state)
{
    char line[SHELL_LINE + 1] = "create g --kernel a";

    (void)state;
    for (u32 i = 0; i < 4; i++)
        strcat(line, " --disk whole=0123456789abcde,cache=writethrough");
    make(line);
    assert_int_equal(strlen(spec.devices), 4 * strlen("disk 0123456789abcde,cache=writethrough\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_all),
        cmocka_unit_test(test_devices),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
