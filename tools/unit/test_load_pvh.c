/* load_pvh(): synthetic ELF files of both classes, cut and bent, and what they are told; and real
 * ones, if LINTEL_TEST_PVH names files (separated by colons). */
#include "load_check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOTES 0x200u /* file offset */

static struct load_request req;
static struct load_plan plan;
static u8 file[16384];
static u8 module_bytes[5000], ramdisk[7000];
static bool wide; /* ELF64 */

static void put(u64 offset, u32 bytes, u64 value)
{
    memcpy(file + offset, &value, bytes);
}

static u64 put_note(u64 at, const char *name, u32 type, u32 descsz, u64 desc)
{
    const u32 namesz = (u32)strlen(name) + 1;

    put(at, 4, namesz);
    put(at + 4, 4, descsz);
    put(at + 8, 4, type);
    memcpy(file + at + 12, name, namesz);
    at += 12 + ALIGN_UP(namesz, 4u);
    put(at, MIN(descsz, 8u), desc);
    return at + ALIGN_UP(descsz, 4u);
}

/* Where a field of program header `i` lies, by its place among p_offset, p_vaddr, ... */
enum { OFFSET, VADDR, PADDR, FILESZ, MEMSZ };
static u64 phdr(u32 i, u32 field)
{
    return wide ? 64 + 56 * i + 8 + 8 * field : 52 + 32 * i + 4 + 4 * field;
}

static u32 word(void)
{
    return wide ? 8 : 4;
}

static void put_segment(u32 i, u32 type, const u64 fields[5])
{
    put(phdr(i, 0) - word(), 4, type);
    for (u32 f = 0; f < 5; f++)
        put(phdr(i, f), word(), fields[f]);
}

/* Like vmlinux: two segments, linked high and loaded at 16 MiB, notes in the first. */
static void make(bool elf64)
{
    const u64 high = elf64 ? 0xffffffff81000000 : 0xc1000000;
    u64 at = NOTES;

    wide = elf64;
    memset(&req, 0, sizeof(req));
    memset(file, 0, sizeof(file));
    put(0, 4, 0x464c457f);
    put(4, 4, elf64 ? 0x00010102 : 0x00010101);
    put(16, 4, 2 | (elf64 ? 62u : 3u) << 16);
    put(24, word(), high);
    put(elf64 ? 32 : 28, word(), elf64 ? 64 : 52);
    put(elf64 ? 54 : 42, 4, (elf64 ? 56 : 32) | 3 << 16);
    put_segment(0, 1, (const u64[]){0x100, high, 0x1000000, 0x1000, 0x1000});
    put_segment(1, 1, (const u64[]){0x1100, high + 0x1000, 0x1001000, 0x800, 0x3000});
    at = put_note(at, "GNU", 3, 20, 0x123456789);
    at = put_note(at, "Xen", 6, 6, 0x78756e696c); /* guest OS: "linux" */
    at = put_note(at, "Xen", 18, elf64 ? 8 : 4, 0x1000170);
    at = put_note(at, "Xen", 17, 4, 0);
    put_segment(2, 4, (const u64[]){NOTES, high + 0x100, 0x1000100, at - NOTES, at - NOTES});
    req.kernel = (struct load_file){file, sizeof(file), "vmlinux", NULL};
    req.cmdline = "console=ttyS0";
    req.rsdp.v = 0xe0000;
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

static void expect_refused(err_t err, const char *words)
{
    req.format = CONFIG_FORMAT_PVH;

    const err_t got = load_plan(&req, &plan);

    if (got != err || !strstr(plan.reason, words))
        fail_msg("error %d, not %d; \"%s\", not \"%s\"", got, err, plan.reason, words);
    assert_int_equal(plan.segments, 0);
}

static u64 info(u32 offset)
{
    return load_check_u64(&plan, plan.rbx + offset);
}

static const char *text_at(u64 gpa, u64 len)
{
    const char *text = (const char *)load_check_bytes(&plan, gpa, len);

    assert_non_null(text);
    return text;
}

static void test_segments(void **state)
{
    (void)state;
    for (u32 elf64 = 0; elf64 < 2; elf64++) {
        make(elf64);
        expect_plan();
        assert_int_equal(plan.mode, LOAD_PROTECTED_32);
        assert_int_equal(plan.rip, 0x1000170); /* of the note, not of the header */
        assert_int_equal(plan.rax, 0);
        assert_int_equal(plan.segment[0].to.v, 0x1000000);
        assert_ptr_equal(plan.segment[0].from, file + 0x100);
        assert_int_equal(plan.segment[0].len, 0x1000);
        assert_int_equal(plan.segment[1].to.v, 0x1001000);
        assert_int_equal(plan.segment[1].len, 0x800);
        assert_int_equal(plan.segment[1].room, 0x3000);
        req.format = CONFIG_FORMAT_PVH;
        expect_plan();
    }
}

static void test_start_info(void **state)
{
    (void)state;
    make(true);
    expect_plan();
    assert_int_equal(info(0), 0x1336ec578); /* magic, version 1 */
    assert_int_equal(info(8), 0);           /* no flags, no modules */
    assert_int_equal(info(16), 0);
    assert_string_equal(text_at(info(24), 14), "console=ttyS0");
    assert_int_equal(info(32), 0xe0000);
    assert_int_equal(info(48), req.memories);
    for (u32 i = 0; i < req.memories; i++) {
        assert_int_equal(load_check_u64(&plan, info(40) + 24 * i), req.memory[i].base);
        assert_int_equal(load_check_u64(&plan, info(40) + 24 * i + 8), req.memory[i].len);
        assert_int_equal(load_check_u64(&plan, info(40) + 24 * i + 16), req.memory[i].type);
    }
}

static void test_modules(void **state)
{
    static const struct {
        const u8 *bytes;
        u64 size;
        const char *string;
    } want[] = {{ramdisk, sizeof(ramdisk), NULL},
                {module_bytes, sizeof(module_bytes), "dom0 ro"},
                {module_bytes, 0, NULL},
                {module_bytes, 1, "last"}};
    u64 last = 0x1004000;

    (void)state;
    make(true);
    req.initrd = (struct load_file){ramdisk, sizeof(ramdisk), "initrd", NULL};
    req.modules = 3;
    for (u32 i = 0; i < 3; i++)
        req.module[i] =
            (struct load_file){want[i + 1].bytes, want[i + 1].size, "m", want[i + 1].string};
    expect_plan();
    assert_int_equal(info(8), 4ull << 32);
    for (u32 i = 0; i < 4; i++) {
        const u64 entry = info(16) + 32 * i;
        const u64 base = load_check_u64(&plan, entry), string = load_check_u64(&plan, entry + 16);

        assert_true(base >= last && IS_ALIGNED(base, PAGE_SIZE));
        last = base + want[i].size;
        assert_int_equal(load_check_u64(&plan, entry + 8), want[i].size);
        if (want[i].size)
            assert_ptr_equal(load_check_bytes(&plan, base, want[i].size), want[i].bytes);
        if (want[i].string)
            assert_string_equal(text_at(string, strlen(want[i].string) + 1), want[i].string);
        else
            assert_int_equal(string, 0);
        assert_int_equal(load_check_u64(&plan, entry + 24), 0);
    }
    req.module[2].size = 64 * MiB;
    req.module[2].data = NULL;
    expect_refused(E_NOMEM, "the module needs");
}

/* A Multiboot header goes first, if nobody says what the image is. */
static void test_both_headers(void **state)
{
    (void)state;
    make(false);
    put(0x300, 4, 0x1badb002);
    put(0x304, 4, 0);
    put(0x308, 4, -(u64)0x1badb002);
    expect_plan();
    assert_int_equal(plan.rax, 0x2badb002);
    req.format = CONFIG_FORMAT_PVH;
    expect_plan();
    assert_int_equal(plan.rax, 0);
    assert_int_equal(plan.rip, 0x1000170);
    make(false);
    put(NOTES + 36 + 24 + 8, 4, 19); /* the note's type */
    req.kernel.name = "k";
    assert_int_equal(load_plan(&req, &plan), E_NOTSUP);
    assert_non_null(strstr(plan.reason, "without a Multiboot header or a PVH note"));
}

static void test_notes(void **state)
{
    (void)state;
    make(true);
    put(phdr(2, OFFSET), 8, NOTES + 4); /* somewhere else */
    expect_refused(E_NOTSUP, "XEN_ELFNOTE_PHYS32_ENTRY");
    make(true);
    put(phdr(2, FILESZ), 8, 36 + 24 + 16 + 7); /* its last byte is cut off */
    expect_refused(E_NOTSUP, "XEN_ELFNOTE_PHYS32_ENTRY");
    put(phdr(2, FILESZ), 8, 36 + 24 + 16 + 8);
    expect_plan();
    put(NOTES + 12, 4, 0x6e6558); /* GNU's is called Xen, but is another type */
    expect_plan();
    put(NOTES, 4, 0xffffffff); /* namesz */
    expect_refused(E_NOTSUP, "XEN_ELFNOTE_PHYS32_ENTRY");
    put(NOTES, 4, 4);
    put(NOTES + 4, 4, 0xffffffff); /* descsz */
    expect_refused(E_NOTSUP, "XEN_ELFNOTE_PHYS32_ENTRY");
    put(NOTES + 4, 4, 0xfffffffd); /* rounded up, it is 0 in 32 bits */
    expect_refused(E_NOTSUP, "XEN_ELFNOTE_PHYS32_ENTRY");
    make(true);
    put(phdr(2, FILESZ), 8, 1ull << 40);
    expect_refused(E_NOTSUP, "XEN_ELFNOTE_PHYS32_ENTRY");
    make(true);
    put(NOTES + 36 + 24 + 4, 4, 5); /* neither 4 nor 8 bytes of an address */
    expect_refused(E_NOTSUP, "XEN_ELFNOTE_PHYS32_ENTRY");
}

/* Many and long segments of notes are not searched to the end. */
static void test_notes_are_bounded(void **state)
{
    const u64 size = 4 * MiB;
    u8 *big = calloc(1, size);

    (void)state;
    assert_non_null(big);
    make(true);
    memcpy(big, file, sizeof(file));
    req.kernel.data = big;
    req.kernel.size = size;
    expect_plan();
    memcpy(big + 64, file + 64 + 56 * 2, 56); /* the first one is notes too, and all of the file */
    memset(big + 64 + 8, 0, 8);
    memcpy(big + 64 + 32, &size, 8);
    expect_refused(E_NOTSUP, "XEN_ELFNOTE_PHYS32_ENTRY");
    free(big);
}

static void test_bent_fields(void **state)
{
    static const struct {
        u64 at, bytes, value;
        err_t err;
        const char *words;
    } rows[] = {
        {0, 1, 0x7e, E_INVAL, "not an ELF file"},
        {4, 1, 3, E_INVAL, "not an ELF file"},
        {4, 1, 1, E_INVAL, "not an ELF file"}, /* class 32, machine x86-64 */
        {5, 1, 2, E_INVAL, "not an ELF file"},
        {18, 2, 183, E_INVAL, "not an ELF file"},
        {16, 2, 3, E_NOTSUP, "ELF type 3"},
        {32, 8, ~0ull, E_INVAL, "3 program headers"},
        {32, 8, sizeof(file) - 56 * 3 + 1, E_INVAL, "3 program headers"},
        {54, 2, 32, E_INVAL, "3 program headers"},
        {56, 2, 0xffff, E_INVAL, "65535 program headers"},
        {56, 2, 0, E_NOTSUP, "XEN_ELFNOTE_PHYS32_ENTRY"},
        {64 + 8, 8, ~0ull, E_INVAL, "truncated"},                /* p_offset */
        {64 + 8, 8, sizeof(file) - 0xfff, E_INVAL, "truncated"}, /* one byte too far */
        {64 + 24, 8, 0xa0000 - 0x800, E_RANGE, "not free RAM"},  /* p_paddr */
        {64 + 24, 8, ~0xfffull, E_RANGE, "not free RAM"},
        {64 + 24, 8, 0x1002000, E_RANGE, "not free RAM"}, /* on the other one */
        {64 + 32, 8, 0x1001, E_INVAL, "p_filesz 0x1001, p_memsz 0x1000"},
        {64 + 40, 8, 0, E_INVAL, "entry point 0x1000170"}, /* p_memsz */
        {64 + 40, 8, ~0ull, E_RANGE, "not free RAM"},
        {NOTES + 36 + 24 + 16, 8, 0x1004000, E_INVAL, "entry point 0x1004000"},
        {NOTES + 36 + 24 + 16, 8, 0x101000170, E_INVAL, "entry point 0x101000170"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        make(true);
        expect_plan();
        put(rows[i].at, (u32)rows[i].bytes, rows[i].value);
        expect_refused(rows[i].err, rows[i].words);
    }
}

static void test_truncated(void **state)
{
    (void)state;
    for (u32 elf64 = 0; elf64 < 2; elf64++)
        for (u64 size = 0; size < 0x1900; size++) {
            make(elf64);
            req.format = CONFIG_FORMAT_PVH;

            u8 *copy = malloc(size ? size : 1); /* its own block: ASan sees a read behind it */

            assert_non_null(copy);
            memcpy(copy, file, size);
            req.kernel.data = copy;
            req.kernel.size = size;
            assert_int_not_equal(load_plan(&req, &plan), OK);
            assert_int_not_equal(plan.reason[0], 0);
            (void)load_pvh_matches(&req.kernel);
            free(copy);
        }
}

static void test_low_memory(void **state)
{
    (void)state;
    make(true);
    req.modules = 2;
    req.module[0] = req.module[1] = (struct load_file){module_bytes, 100, "m", "string"};
    assert_in_range(load_check_low_memory(&req, &plan), 4, 8);
}

static u8 *read_file(const char *name, u64 *size)
{
    FILE *f = fopen(name, "rb");

    if (!f || fseek(f, 0, SEEK_END) != 0)
        fail_msg("cannot open %s", name);
    *size = (u64)ftell(f);
    rewind(f);

    u8 *data = malloc(*size);

    if (!data || fread(data, 1, *size, f) != *size || fclose(f) != 0)
        fail_msg("cannot read %s", name);
    return data;
}

static void test_real_images(void **state)
{
    static char names[4096];
    const char *list = getenv("LINTEL_TEST_PVH");

    (void)state;
    if (!list)
        skip();
    snprintf(names, sizeof(names), "%s", list);
    for (char *name = strtok(names, ":"); name; name = strtok(NULL, ":")) {
        u64 size;
        u8 *data = read_file(name, &size);

        make(true);
        load_check_memory(&req, 512 * MiB);
        req.kernel = (struct load_file){data, size, name, NULL};
        req.initrd = (struct load_file){ramdisk, sizeof(ramdisk), "initrd", NULL};
        expect_plan();
        assert_int_equal(plan.mode, LOAD_PROTECTED_32);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments),    cmocka_unit_test(test_start_info),
        cmocka_unit_test(test_modules),     cmocka_unit_test(test_both_headers),
        cmocka_unit_test(test_notes),       cmocka_unit_test(test_notes_are_bounded),
        cmocka_unit_test(test_bent_fields), cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_low_memory),  cmocka_unit_test(test_real_images),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
