/* load_flat(), load_plan()'s choice of a format, and the range allocator below all loaders. */
#include "abi/flat.h"
#include "boot/load/plan.h"
#include "load_check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct load_request req;
static struct load_plan plan;
static u8 file[8192];

static void make_image(u64 image_size, u64 bss_size, u32 entry)
{
    const struct flat_header header = {FLAT_MAGIC, FLAT_VERSION, entry, image_size, bss_size};

    memset(&req, 0, sizeof(req));
    memset(file, 0x90, sizeof(file));
    memcpy(file, &header, sizeof(header));
    req.kernel = (struct load_file){file, sizeof(file), "test.flat", NULL};
    req.cmdline = "one two";
    req.tsc_hz = 12345678;
    req.rsdp.v = 0xe0000;
    load_check_memory(&req, 64 * MiB);
}

static void expect_refused(err_t err, const char *word)
{
    assert_int_equal(load_plan(&req, &plan), err);
    if (!strstr(plan.reason, word))
        fail_msg("\"%s\" lacks \"%s\"", plan.reason, word);
    assert_int_equal(plan.segments, 0);
}

static void test_plan(void **state)
{
    (void)state;
    make_image(5000, 100000, 64);
    assert_int_equal(load_plan(&req, &plan), OK);
    assert_null(load_check(&req, &plan));
    assert_int_equal(plan.mode, LOAD_LONG_64);
    assert_int_equal(plan.rip, FLAT_LOAD_GPA + 64);
    assert_int_equal(plan.rsp, 0);
    assert_int_equal(plan.segment[0].to.v, FLAT_LOAD_GPA);
    assert_int_equal(plan.segment[0].len, 5000);
    assert_int_equal(plan.segment[0].room, 105000);
    assert_ptr_equal(plan.segment[0].from, file);

    struct flat_start start;
    const u8 *at = load_check_bytes(&plan, plan.rdi, sizeof(start));

    assert_non_null(at);
    memcpy(&start, at, sizeof(start));
    assert_int_equal(start.magic, FLAT_START_MAGIC);
    assert_int_equal(start.memory, 0x9fc00 + 64 * MiB - MiB - 64 * KiB);
    assert_int_equal(start.tsc_hz, 12345678);
    assert_int_equal(start.rsdp_gpa, 0xe0000);
    assert_memory_equal(load_check_bytes(&plan, start.cmdline_gpa, 8), "one two", 8);
    req.cmdline = NULL;
    assert_int_equal(load_plan(&req, &plan), OK);
    memcpy(&start, load_check_bytes(&plan, plan.rdi, sizeof(start)), sizeof(start));
    assert_int_equal(*load_check_bytes(&plan, start.cmdline_gpa, 1), 0);
}

/* The processor's own view of the tables. */
static void test_first_state(void **state)
{
    (void)state;
    make_image(5000, 0, 64);
    assert_int_equal(load_plan(&req, &plan), OK);
    for (u64 gva = 0; gva < 4 * GiB; gva += MiB)
        assert_int_equal(load_check_walk(&plan, gva), gva);
    assert_int_equal(load_check_walk(&plan, 4 * GiB - 1), 4 * GiB - 1);
    assert_true(load_check_walk(&plan, 4 * GiB) == UINT64_MAX);
    assert_true(load_check_walk(&plan, BIT(39)) == UINT64_MAX);
    assert_int_equal(plan.gdt_limit, 0x1f);
    assert_int_equal(load_check_u64(&plan, plan.gdt.v), 0);
    assert_int_equal(load_check_u64(&plan, plan.gdt.v + 0x10), 0x00af9b000000ffff); /* L, G, P */
    assert_int_equal(load_check_u64(&plan, plan.gdt.v + 0x18), 0x00cf93000000ffff);
}

static void test_headers(void **state)
{
    static const struct {
        u64 image_size, bss_size;
        u32 entry, version;
        err_t err;
        const char *word;
    } rows[] = {
        {8192, 0, 32, 1, OK, ""},
        {8192, 0, 8191, 1, OK, ""},
        {8193, 0, 64, 1, E_INVAL, "image_size 0x2001"},
        {UINT64_MAX, 0, 64, 1, E_INVAL, "image_size"},
        {31, 0, 64, 1, E_INVAL, "image_size 0x1f"},
        {8192, 0, 31, 1, E_INVAL, "entry 0x1f"},
        {8192, 0, 8192, 1, E_INVAL, "entry 0x2000"},
        {8192, 0, UINT32_MAX, 1, E_INVAL, "entry"},
        {8192, 0, 64, 2, E_NOTSUP, "version 2"},
        {8192, UINT64_MAX, 64, 1, E_RANGE, "bss_size"},
        {8192, UINT64_MAX - 8191, 64, 1, E_RANGE, "bss_size"},
        {8192, 4 * GiB, 64, 1, E_RANGE, "bss_size"},
        {8192, 62 * MiB - 64 * KiB - 8192, 64, 1, OK, ""},
        {8192, 62 * MiB - 64 * KiB - 8191, 64, 1, E_RANGE, "not free RAM"},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        make_image(rows[i].image_size, rows[i].bss_size, rows[i].entry);
        memcpy(file + 8, &rows[i].version, 4);
        if (rows[i].err != OK) {
            expect_refused(rows[i].err, rows[i].word);
            assert_non_null(strstr(plan.reason, "test.flat: "));
            continue;
        }
        if (load_plan(&req, &plan) != OK)
            fail_msg("row %u: %s", i, plan.reason);
        assert_null(load_check(&req, &plan));
    }
}

static void test_refused_requests(void **state)
{
    static char cmdline[CONFIG_CMDLINE_MAX + 1];

    (void)state;
    make_image(100, 0, 64);
    req.modules = 1;
    expect_refused(E_NOTSUP, "no module");
    req.modules = CONFIG_GUEST_MODULES + 1;
    expect_refused(E_INVAL, "9 modules");
    make_image(100, 0, 64);
    req.initrd = (struct load_file){file, 1, "i", NULL};
    expect_refused(E_NOTSUP, "no initrd");
    make_image(100, 0, 64);
    req.memories = 17;
    expect_refused(E_INVAL, "17 memory ranges");
    make_image(100, 0, 64);
    req.memory[1].base = 0x9fbff;
    expect_refused(E_INVAL, "memory range 1");
    make_image(100, 0, 64);
    req.memory[3].len = UINT64_MAX;
    expect_refused(E_INVAL, "memory range 3");
    make_image(100, 0, 64);
    req.memories = 0;
    expect_refused(E_RANGE, "not free RAM");
    make_image(100, 0, 64);
    req.memory[0].len = 0x10000; /* no low memory for the tables */
    expect_refused(E_NOMEM, "free RAM in 0x10000-0x9fc00");
    make_image(100, 0, 64);
    assert_int_equal(load_check_low_memory(&req, &plan), 9); /* line, start, GDT, 6 of tables */
    req.memories = 17;
    assert_int_equal(load_flat(&req, &plan), E_INVAL); /* asked without load_plan() */
    make_image(100, 0, 64);
    memset(cmdline, 'x', CONFIG_CMDLINE_MAX);
    req.cmdline = cmdline;
    expect_refused(E_RANGE, "longer than 1023");
    cmdline[CONFIG_CMDLINE_MAX - 1] = 0;
    assert_int_equal(load_plan(&req, &plan), OK);
    req.kernel.name =
        "a-name-that-is-so-long-that-it-would-push-the-reason-out-of-its-room-and-more-so";
    file[0] = 0;
    expect_refused(E_NOTSUP, "no known format");
}

static void test_formats(void **state)
{
    static const struct {
        u8 bytes[6];
        u32 len;
        const char *word;
    } rows[] = {
        {"\x7f"
         "ELF",
         4, "an ELF file without a Multiboot header or a PVH note"},
        {"\x1f\x8b", 2, "gzip"},
        {"\xfd"
         "7zX",
         4, "xz"},
        {"MZ", 2, "UEFI application"},
        {"", 0, "no known format"},
        {"\x7f", 1, "no known format"},
    };
    static const u32 formats[] = {CONFIG_FORMAT_LINUX, CONFIG_FORMAT_MULTIBOOT, CONFIG_FORMAT_FLAT,
                                  CONFIG_FORMAT_PVH};

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        make_image(100, 0, 64);
        req.kernel = (struct load_file){rows[i].bytes, rows[i].len, "x", NULL};
        expect_refused(E_NOTSUP, rows[i].word);
    }
    make_image(100, 0, 64);
    req.format = CONFIG_FORMAT_FLAT;
    assert_int_equal(load_plan(&req, &plan), OK);
    for (u32 i = 0; i < ARRAY_LEN(formats); i++) { /* told a format, nobody guesses another */
        make_image(100, 0, 64);
        memset(file, 0, 8);
        req.format = formats[i];
        expect_refused(E_INVAL, "test.flat");
    }
    req.format = CONFIG_FORMAT_PVH + 1;
    expect_refused(E_INVAL, "format 5 is unknown");
    for (u64 size = 0; size < sizeof(struct flat_header); size++) {
        make_image(100, 0, 64);
        req.format = CONFIG_FORMAT_FLAT;
        req.kernel.size = size;
        expect_refused(E_INVAL, "too few");
    }
}

/* The allocator against a dumb model: every page of a small guest. */
#define PAGES 64u

static u64 pick(u64 below)
{
    return (u64)rand() % below;
}

static bool page_is_free(u64 page)
{
    return plan_is_free(&req, &plan, page * PAGE_SIZE, PAGE_SIZE);
}

static void model_place(const struct plan_window *w, u64 pages, u64 *model, bool *found)
{
    const u64 step = w->align / PAGE_SIZE;

    *found = false;
    for (u64 first = 0; first + pages <= PAGES; first++) {
        bool good = first % step == 0 && first * PAGE_SIZE >= w->low &&
                    (first + pages) * PAGE_SIZE <= w->high && !(*found && !w->from_top);

        for (u64 i = 0; i < pages && good; i++)
            good = page_is_free(first + i);
        if (good) {
            *model = first * PAGE_SIZE;
            *found = true;
        }
    }
}

static void test_allocator_model(void **state)
{
    const struct load_file nobody = {0};
    u32 placed = 0, refused = 0;

    (void)state;
    srand(1);
    for (u32 round = 0; round < 400; round++) {
        memset(&req, 0, sizeof(req));
        for (u64 page = 0; req.memories < 10 && page < PAGES;) {
            const u64 len = 1 + pick(12);

            page += pick(3);
            req.memory[req.memories++] = (struct load_memory){page * PAGE_SIZE, len * PAGE_SIZE,
                                                              pick(4) ? LOAD_RAM : LOAD_RESERVED};
            page += len;
        }
        assert_int_equal(plan_begin(&req, &plan), OK);
        for (u32 i = 0; i < 12; i++) {
            const u64 pages = 1 + pick(6);
            const struct plan_window w = {pick(20) * PAGE_SIZE, (30 + pick(34)) * PAGE_SIZE,
                                          PAGE_SIZE << pick(3), pick(2) == 0};
            const struct plan_bytes bytes = {"a block", NULL, 0, pages * PAGE_SIZE};
            u64 model = 0, base = 0;
            bool found;

            model_place(&w, pages, &model, &found);
            assert_int_equal(plan_find(&req, &plan, &w, bytes.room, &base), found);
            refused += !found;
            if (!found)
                continue;
            assert_int_equal(base, model);
            assert_int_equal(plan_place(&req, &plan, &nobody, &w, &bytes, &base), OK);
            placed++;
        }
    }
    assert_true(placed > 1000 && refused > 500); /* the rounds were worth something */
}

static void test_allocator_edges(void **state)
{
    const struct load_file nobody = {0};
    const struct plan_bytes one = {"a block", NULL, 0, 1};
    u64 base = 0;

    (void)state;
    memset(&req, 0, sizeof(req));
    req.memories = 1;
    req.memory[0] = (struct load_memory){0, UINT64_MAX, LOAD_RAM};
    assert_int_equal(plan_begin(&req, &plan), OK);
    assert_false(plan_is_free(&req, &plan, 0, 0));
    assert_false(plan_is_free(&req, &plan, UINT64_MAX, 1));
    assert_false(plan_is_free(&req, &plan, 1, UINT64_MAX));
    assert_true(plan_is_free(&req, &plan, 0, UINT64_MAX));

    struct plan_window w = {UINT64_MAX - 10, UINT64_MAX, BIT(63), false};

    assert_false(plan_find(&req, &plan, &w, 1, &base));
    w = (struct plan_window){0, UINT64_MAX, BIT(63), true};
    assert_true(plan_find(&req, &plan, &w, 1, &base));
    assert_true(base == BIT(63));
    for (u32 i = 0; i < LOAD_SEGMENTS_MAX; i++)
        assert_int_equal(plan_place_at(&req, &plan, &nobody, i, &one), OK);
    assert_int_equal(plan_place_at(&req, &plan, &nobody, LOAD_SEGMENTS_MAX, &one), E_NOMEM);
    assert_non_null(strstr(plan.reason, "more than 56 pieces"));
    assert_int_equal(plan_begin(&req, &plan), OK);
    assert_null(plan_low(&req, &plan, "much", LOAD_SCRATCH_SIZE + 1, &base));
    assert_non_null(strstr(plan.reason, "much"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_first_state),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_refused_requests),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_allocator_model),
        cmocka_unit_test(test_allocator_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
