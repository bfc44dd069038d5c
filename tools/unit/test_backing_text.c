/* control/disk/backing_text.h: what is taken, and what is said of what is not. */
#include "control/disk/backing_text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char why[200];
static struct backing_text t;

static void test_sources(void **state)
{
    static const struct {
        const char *text;
        enum backing_kind kind;
        const char *disk, *partition, *path;
        u64 bytes;
    } cases[] = {
        {"ide0", BACKING_DISK, "ide0", "", "", 0},
        {"ide0:2", BACKING_PARTITION, "ide0", "2", "", 0},
        {"ide12:EFI system", BACKING_PARTITION, "ide12", "EFI system", "", 0},
        {"ide0:2:/vm/a b.img", BACKING_FILE, "ide0", "2", "/vm/a b.img", 0},
        {"ide0::/c:/d", BACKING_FILE, "ide0", "", "/c:/d", 0},
        {"memory:64M", BACKING_MEMORY, "memory", "", "", 64 * MiB},
        {"memory:1024G", BACKING_MEMORY, "memory", "", "", 1024 * GiB},
        {"memory:4K", BACKING_MEMORY, "memory", "", "", 4 * KiB},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(backing_parse(cases[i].text, &t, why, sizeof(why)), OK);
        assert_int_equal(t.kind, cases[i].kind);
        assert_string_equal(t.disk, cases[i].disk);
        assert_string_equal(t.partition, cases[i].partition);
        assert_string_equal(t.path, cases[i].path);
        assert_int_equal(t.bytes, cases[i].bytes);
        assert_true(t.mode == CACHE_WRITEBACK && !t.read_only && why[0] == '\0');
    }
}

static void test_options(void **state)
{
    (void)state;
    assert_int_equal(backing_parse("ide0,ro", &t, why, sizeof(why)), OK);
    assert_true(t.read_only && t.mode == CACHE_WRITEBACK && t.kind == BACKING_DISK);
    assert_int_equal(backing_parse("ide0:1:/f,cache=none", &t, why, sizeof(why)), OK);
    assert_true(!t.read_only && t.mode == CACHE_NONE);
    assert_string_equal(t.path, "/f");
    assert_int_equal(backing_parse("memory:1M,ro,cache=unsafe", &t, why, sizeof(why)), OK);
    assert_true(t.read_only && t.mode == CACHE_UNSAFE);
    assert_int_equal(backing_parse("ide1,cache=writethrough", &t, why, sizeof(why)), OK);
    assert_int_equal(t.mode, CACHE_WRITETHROUGH);
    assert_false(t.deadly);
    assert_int_equal(backing_parse("memory:1M,deadly", &t, why, sizeof(why)), OK);
    assert_true(t.deadly && !t.read_only);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *place, *what;
    } cases[] = {
        {"", "character 1:", "a disk is"},
        {",ro", "character 1:", "a disk is"},
        {"0123456789abcdef", "character 1:", "a disk is"},
        {"ide0:", "character 6:", "a partition is"},
        {"ide0:0123456789012345678901234567890123456", "character 6:", "a partition is"},
        {"ide0:2:vm", "character 8:", "a file is"},
        {"ide0::", "character 7:", "a file is"},
        {"ide0,", "character 6:", "an option is"},
        {"ide0,ro,cahce=none", "character 9:", "an option is"},
        {"ide0,cache=", "character 6:", "an option is"},
        {"ide0,cache=none2", "character 6:", "an option is"},
        {"ide0,deadly", "character 6:", "an option is"}, /* memory alone */
        {"memory", "character 7:", "memory wants a size"},
        {"memory:", "character 8:", "a size is"},
        {"memory:64", "character 8:", "a size is"},
        {"memory:0M", "character 8:", "a size is"},
        {"memory:M", "character 8:", "a size is"},
        {"memory:1025G", "character 8:", "a size is"},
        {"memory:99999999999999999999999K", "character 8:", "a size is"},
        {"memory:64MB", "character 11:", "a comma or the end"},
    };
    char path[300] = "ide0::/";

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(backing_parse(cases[i].text, &t, why, sizeof(why)), E_INVAL);
        assert_memory_equal(why, cases[i].place, strlen(cases[i].place));
        assert_non_null(strstr(why, cases[i].what));
    }
    memset(path + 7, 'x', 255);
    assert_int_equal(backing_parse(path, &t, why, sizeof(why)), E_INVAL);
    path[6 + 255] = '\0';
    assert_int_equal(backing_parse(path, &t, why, sizeof(why)), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
