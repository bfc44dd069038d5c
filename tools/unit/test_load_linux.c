/* load_linux(): synthetic bzImages, cut and bent; and real ones, if LINTEL_TEST_LINUX names
 * files (separated by colons). */
#include "load_check.h"
#include "tools/unit/linux_image.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SETUP_SECTS 4u
#define SETUP_LEN   ((SETUP_SECTS + 1) * 512)
#define CODE_LEN    4096u

static struct load_request req;
static struct load_plan plan;
static u8 file[SETUP_LEN + CODE_LEN];
static u8 ramdisk[10000];

static void set(u32 offset, u32 size, u64 value)
{
    linux_image_set(file, offset, size, value);
}

/* Like a Debian kernel, but small. */
static void make_image(void)
{
    memset(&req, 0, sizeof(req));
    memset(file, 0xcc, sizeof(file)); /* what is not set must not matter */
    linux_image_make(file, SETUP_SECTS, CODE_LEN, 0x800000);
    req.kernel = (struct load_file){file, sizeof(file), "vmlinuz", NULL};
    req.initrd = (struct load_file){ramdisk, sizeof(ramdisk), "initrd.img", NULL};
    req.cmdline = "console=ttyS0 quiet";
    req.rsdp.v = 0xe1230;
    load_check_memory(&req, 64 * MiB);
}

static void expect_plan(void)
{
    if (load_plan(&req, &plan) != OK)
        fail_msg("refused: %s", plan.reason);

    const char *wrong = load_check(&req, &plan);

    if (wrong)
        fail_msg("the plan is wrong: %s", wrong);
}

static void expect_refused(err_t err, const char *word)
{
    req.format = CONFIG_FORMAT_LINUX;

    const err_t got = load_plan(&req, &plan);

    if (got != err || !strstr(plan.reason, word))
        fail_msg("error %d, not %d; \"%s\", not \"%s\"", got, err, plan.reason, word);
    assert_int_equal(plan.segments, 0);
}

static u32 param(u32 offset)
{
    return load_check_u32(&plan, plan.rsi + offset);
}

static u8 param8(u32 offset)
{
    return *load_check_bytes(&plan, plan.rsi + offset, 1);
}

static void test_boot_params(void **state)
{
    (void)state;
    make_image();
    expect_plan();
    assert_int_equal(plan.mode, LOAD_LONG_64);
    assert_int_equal(plan.rip, 0x1000200);
    assert_int_equal(plan.segment[0].to.v, 0x1000000);
    assert_int_equal(plan.segment[0].room, 0x800000);
    assert_int_equal(plan.segment[0].len, CODE_LEN);
    assert_ptr_equal(plan.segment[0].from, file + SETUP_LEN);
    assert_true(plan.rsi >= 0x10000 && plan.rsi + 4096 <= 0x9fc00);

    assert_memory_equal(load_check_bytes(&plan, plan.rsi + 0x1f1, 1), file + 0x1f1, 9);
    assert_memory_equal(load_check_bytes(&plan, plan.rsi + 0x1fc, 1), file + 0x1fc, 0x210 - 0x1fc);
    assert_memory_equal(load_check_bytes(&plan, plan.rsi + 0x258, 1), file + 0x258, 0x26c - 0x258);
    for (u32 i = 0; i < 0x1f1; i++) /* nothing but rsdp and e820_entries; sentinel 0 */
        if ((i < 0x70 || i >= 0x78) && i != 0x1e8)
            assert_int_equal(param8(i), 0);
    for (u32 i = 0x26c; i < 0x2d0; i++)
        assert_int_equal(param8(i), 0);
    assert_int_equal(param8(0x210), 0xff);     /* type_of_loader */
    assert_int_equal(param8(0x211), 0x01);     /* LOADED_HIGH, no heap */
    assert_int_equal(param(0x214), 0x1000000); /* code32_start */
    assert_int_equal(param(0x230), 0x200000);  /* kernel_alignment */
    assert_int_equal(param(0x250), 0);         /* setup_data */
    assert_int_equal(param(0x254), 0);
    assert_int_equal(param(0x70), 0xe1230); /* acpi_rsdp_addr */
    assert_int_equal(param(0x74), 0);
    assert_int_equal(param(0x1fa) & 0xffff, 0xffff);
    assert_string_equal((const char *)load_check_bytes(&plan, param(0x228), 20), req.cmdline);

    const u64 initrd = 64 * MiB - 64 * KiB - 3 * PAGE_SIZE; /* below the ACPI tables */

    assert_int_equal(param(0x218), initrd);
    assert_int_equal(param(0x21c), sizeof(ramdisk));
    assert_int_equal(param(0xc0), 0);
    assert_int_equal(param(0xc4), 0);
    assert_ptr_equal(load_check_bytes(&plan, initrd, sizeof(ramdisk)), ramdisk);
}

static void test_e820(void **state)
{
    (void)state;
    make_image();
    load_check_memory(&req, 5 * GiB);
    expect_plan();
    assert_int_equal(param8(0x1e8), 5);
    for (u32 i = 0; i < 5; i++) {
        assert_int_equal(load_check_u64(&plan, plan.rsi + 0x2d0 + 20 * i), req.memory[i].base);
        assert_int_equal(load_check_u64(&plan, plan.rsi + 0x2d8 + 20 * i), req.memory[i].len);
        assert_int_equal(param(0x2e0 + 20 * i), req.memory[i].type);
    }
    assert_int_equal(param(0x2d0 + 20 * 5), 0);
}

static void test_header_length(void **state)
{
    (void)state;
    make_image();
    set(0x201, 1, 0x62); /* the shortest with all fields: to 0x264 */
    expect_plan();
    assert_int_equal(param(0x264), 0);
    set(0x201, 1, 0x8e); /* the longest: to 0x290 */
    expect_plan();
    assert_int_equal(param(0x28c), 0xcccccccc);
    assert_int_equal(param(0x290), 0);
    set(0x201, 1, 0x61);
    expect_refused(E_INVAL, "setup header ends at 0x263");
    set(0x201, 1, 0x8f);
    expect_refused(E_INVAL, "setup header ends at 0x291");
    make_image();
    req.kernel.size = 0x26b;
    expect_refused(E_INVAL, "setup header ends at 0x26c");
}

static void test_bent_fields(void **state)
{
    static const struct {
        u32 offset, size;
        u64 value;
        err_t err;
        const char *word;
    } rows[] = {
        {0x1fe, 2, 0xaa54, E_INVAL, "no Linux setup header"},
        {0x202, 4, 0x53726449, E_INVAL, "no Linux setup header"},
        {0x206, 2, 0x020b, E_NOTSUP, "boot protocol 2.11; needed: 2.12"},
        {0x206, 2, 0x020c, OK, ""},
        {0x206, 2, 0xffff, OK, ""},
        {0x236, 2, 0x7e, E_NOTSUP, "xloadflags 0x7e"},
        {0x211, 1, 0x80, E_NOTSUP, "zImage"},
        {0x1f1, 1, 255, E_INVAL, "setup_sects 255"},
        {0x1f1, 1, 12, E_INVAL, "setup_sects 12"}, /* one sector behind the end */
        {0x1f1, 1, 11, E_INVAL, "syssize"},
        {0x1f1, 1, 0, OK, ""}, /* means 4 */
        {0x1f4, 4, CODE_LEN / 16 + 1, E_INVAL, "syssize says 0x1010"},
        {0x1f4, 4, UINT32_MAX, E_INVAL, "syssize says 0xffffffff0"},
        {0x1f4, 4, 0x20, E_INVAL, "do not reach the entry point"},
        {0x1f4, 4, 0, E_INVAL, "do not reach the entry point"},
        {0x1f4, 4, 0x21, OK, ""},
        {0x230, 4, 0, E_INVAL, "kernel_alignment 0x0"},
        {0x230, 4, 3, E_INVAL, "kernel_alignment 0x3"},
        {0x230, 4, 0x80000000, OK, ""}, /* less will do: min_alignment */
        {0x235, 1, 32, E_INVAL, "min_alignment 32"},
        {0x235, 1, 31, OK, ""}, /* larger than kernel_alignment: no less than that */
        {0x235, 1, 0, OK, ""},
        {0x260, 4, UINT32_MAX, E_NOMEM, "(init_size) needs 0xffffffff bytes"},
        {0x260, 4, 0x3f00000, E_NOMEM, "give the guest more memory"},
        {0x260, 4, 0, OK, ""},          /* then the code's length */
        {0x258, 8, UINT64_MAX, OK, ""}, /* relocatable: elsewhere */
        {0x258, 8, 4 * GiB - 0x400000, OK, ""},
        {0x258, 8, 0, OK, ""},
        {0x238, 4, 18, E_RANGE, "cmdline has 19 bytes, this kernel's cmdline_size is 18"},
        {0x238, 4, 19, OK, ""},
        {0x22c, 4, 0, E_NOMEM, "initrd.img: the initrd"},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        make_image();
        set(0x236, 2, 0x7d); /* no XLF_CAN_BE_LOADED_ABOVE_4G */
        set(rows[i].offset, rows[i].size, rows[i].value);
        if (rows[i].err == OK)
            expect_plan();
        else
            expect_refused(rows[i].err, rows[i].word);
    }
}

static void test_truncated(void **state)
{
    (void)state;
    for (u64 size = 0; size < sizeof(file); size++) {
        make_image();

        u8 *copy = malloc(size ? size : 1); /* ASan sees a read behind the end */

        assert_non_null(copy);
        memcpy(copy, file, size);
        req.kernel = (struct load_file){copy, size, "vmlinuz", NULL};
        req.format = CONFIG_FORMAT_LINUX;
        if (size + 15 < sizeof(file))
            expect_refused(E_INVAL, "vmlinuz: ");
        else
            expect_plan(); /* syssize counts whole paragraphs */
        free(copy);
    }
}

static void test_placement(void **state)
{
    static const struct {
        u64 memory, pref;
        u32 init_size, alignment, min_alignment, relocatable;
        u64 base; /* 0: refused */
        u32 aligned;
    } rows[] = {
        {64 * MiB, 16 * MiB, 8 * MiB, 2 * MiB, 21, 1, 16 * MiB, 2 * MiB},
        {16 * MiB, 16 * MiB, 8 * MiB, 2 * MiB, 21, 1, 2 * MiB, 2 * MiB},
        {16 * MiB, 16 * MiB, 8 * MiB, 2 * MiB, 21, 0, 0, 0},
        {16 * MiB, MiB, 8 * MiB, PAGE_SIZE, 12, 0, MiB, PAGE_SIZE},
        {64 * MiB, MiB, 8 * MiB, 2 * MiB, 21, 1, 2 * MiB, 2 * MiB}, /* not aligned: elsewhere */
        {64 * MiB, MiB, 8 * MiB, 2 * MiB, 21, 0, MiB, 2 * MiB},     /* it moves itself */
        {16 * MiB, 0, 8 * MiB, 16 * MiB, 20, 1, 4 * MiB, 4 * MiB},  /* less alignment */
        {16 * MiB, 0, 8 * MiB, 16 * MiB, 23, 1, 0, 0},
        {16 * MiB, 0, 14 * MiB, 16 * MiB, 20, 1, MiB, MiB},
        {16 * MiB, 0, 15 * MiB, 16 * MiB, 20, 1, 0, 0},
        {64 * MiB, 0x9f000, 8 * MiB, PAGE_SIZE, 12, 0, 0, 0}, /* over the hole */
        {64 * MiB, UINT64_MAX - MiB + 1, 8 * MiB, PAGE_SIZE, 12, 0, 0, 0},
        {8 * GiB, 5 * GiB, 8 * MiB, PAGE_SIZE, 12, 0, 0, 0}, /* above the identity map */
        {8 * GiB, 5 * GiB, 8 * MiB, 2 * MiB, 21, 1, 2 * MiB, 2 * MiB},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        make_image();
        load_check_memory(&req, rows[i].memory);
        req.initrd.size = 0;
        set(0x258, 8, rows[i].pref);
        set(0x260, 4, rows[i].init_size);
        set(0x230, 4, rows[i].alignment);
        set(0x235, 1, rows[i].min_alignment);
        set(0x234, 1, rows[i].relocatable);
        if (rows[i].base == 0) {
            assert_int_not_equal(load_plan(&req, &plan), OK);
            continue;
        }
        expect_plan();
        if (plan.rip != rows[i].base + 0x200)
            fail_msg("row %u: at 0x%llx", i, (unsigned long long)plan.rip);
        assert_int_equal(param(0x214), rows[i].base);
        assert_int_equal(param(0x230), rows[i].aligned);
        assert_int_equal(param(0x218), 0);
        assert_int_equal(param(0x21c), 0);
    }
}

static void expect_initrd(u64 base, u64 size)
{
    expect_plan();
    assert_int_equal(param(0x218) | (u64)param(0xc0) << 32, base);
    assert_int_equal(param(0x21c) | (u64)param(0xc4) << 32, size);
}

static void test_initrd(void **state)
{
    (void)state;
    make_image();
    load_check_memory(&req, 8 * GiB);
    expect_initrd(2 * GiB - 3 * PAGE_SIZE, sizeof(ramdisk)); /* initrd_addr_max */
    set(0x22c, 4, 0x37ffffff);
    expect_initrd(0x38000000 - 3 * PAGE_SIZE, sizeof(ramdisk));
    set(0x22c, 4, 0x37fffffe); /* the last byte allowed is not a page's last */
    expect_initrd(0x38000000 - 4 * PAGE_SIZE, sizeof(ramdisk));
    req.initrd.size = 1;
    expect_initrd(0x38000000 - 2 * PAGE_SIZE, 1);

    /* Larger than what lies below: above 4 GiB if the kernel can, with the upper halves set.
     * Only sizes are looked at, so that the bytes need not exist. */
    make_image();
    load_check_memory(&req, 16 * GiB);
    req.initrd.size = 5 * GiB + 1;
    expect_initrd(17 * GiB - 5 * GiB - PAGE_SIZE, 5 * GiB + 1);
    set(0x236, 2, 0x01);
    expect_refused(E_NOMEM, "initrd.img");

    /* Does not fit beside the kernel. */
    make_image();
    req.initrd.size = 40 * MiB;
    set(0x258, 8, 32 * MiB);
    expect_refused(E_NOMEM, "initrd.img: the initrd needs 0x2800000 bytes");
    req.initrd.size = UINT64_MAX;
    expect_refused(E_RANGE, "initrd.img: size");
    req.initrd.size = UINT64_MAX - PAGE_SIZE;
    expect_refused(E_NOMEM, "initrd.img");
}

static void test_requests(void **state)
{
    (void)state;
    make_image();
    req.cmdline = NULL;
    expect_plan();
    assert_int_equal(*load_check_bytes(&plan, param(0x228), 1), 0);
    make_image();
    req.modules = 1;
    expect_refused(E_NOTSUP, "use initrd");
    make_image();
    req.memory[0].len = 0x12000; /* low memory for the command line and boot_params alone */
    expect_refused(E_NOMEM, "the GDT");
    req.format = CONFIG_FORMAT_AUTO;
    assert_int_equal(load_check_low_memory(&req, &plan), 9); /* line, params, GDT, 6 of tables */
    req.memories = 17;
    assert_int_equal(load_linux(&req, &plan), E_INVAL); /* asked without load_plan() */
}

static u8 *read_file(const char *name, u64 *size)
{
    FILE *stream = fopen(name, "rb");

    if (!stream || fseek(stream, 0, SEEK_END) != 0)
        fail_msg("cannot read %s", name);

    const long end = ftell(stream);

    assert_true(end > 0);
    rewind(stream);
    *size = (u64)end;

    u8 *data = malloc(*size);

    assert_non_null(data);
    assert_int_equal(fread(data, 1, *size, stream), *size);
    fclose(stream);
    return data;
}

static void test_real_kernels(void **state)
{
    static char names[4096];
    const char *list = getenv("LINTEL_TEST_LINUX");

    (void)state;
    if (!list)
        skip();
    snprintf(names, sizeof(names), "%s", list);
    for (char *name = strtok(names, ":"); name; name = strtok(NULL, ":")) {
        u64 size;
        u8 *data = read_file(name, &size);
        u64 pref;

        make_image();
        load_check_memory(&req, 512 * MiB);
        memcpy(&pref, data + 0x258, sizeof(pref));
        req.kernel = (struct load_file){data, size, name, NULL};
        expect_plan();
        assert_int_equal(plan.rip, pref + 0x200);
        assert_int_equal(param(0x218), 512 * MiB - 64 * KiB - 3 * PAGE_SIZE);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boot_params),   cmocka_unit_test(test_e820),
        cmocka_unit_test(test_header_length), cmocka_unit_test(test_bent_fields),
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_placement),
        cmocka_unit_test(test_initrd),        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_real_kernels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
