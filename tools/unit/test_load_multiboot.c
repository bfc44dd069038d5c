/* load_multiboot(): synthetic images of both kinds, cut and bent, and what they are told. */
#include "load_check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAGIC 0x1badb002u

static struct load_request req;
static struct load_plan plan;
static u8 file[16384];
static u8 module_bytes[5000];

static void put(u32 offset, u32 value)
{
    memcpy(file + offset, &value, sizeof(value));
}

static void put_header(u32 at, u32 flags)
{
    put(at, MAGIC);
    put(at + 4, flags);
    put(at + 8, -(MAGIC + flags));
}

static void reset(void)
{
    memset(&req, 0, sizeof(req));
    memset(file, 0, sizeof(file));
    req.kernel = (struct load_file){file, sizeof(file), "kernel.bin", NULL};
    req.cmdline = "root=x";
    load_check_memory(&req, 64 * MiB);
}

/* Header at 0x40 of the file; loaded at 2 MiB. */
static void make_by_addresses(void)
{
    reset();
    put_header(0x40, 0x10003);
    put(0x4c, 0x200040); /* header_addr */
    put(0x50, 0x200010); /* load_addr: the file's first 16 bytes stay out */
    put(0x54, 0x201000); /* load_end_addr */
    put(0x58, 0x202000); /* bss_end_addr */
    put(0x5c, 0x200100); /* entry_addr */
}

static void put_segment(u32 index, u32 type, u32 offset, u32 vaddr, u32 paddr, u32 filesz,
                        u32 memsz)
{
    const u32 at = 52 + 32 * index;

    put(at, type);
    put(at + 4, offset);
    put(at + 8, vaddr);
    put(at + 12, paddr);
    put(at + 16, filesz);
    put(at + 20, memsz);
}

/* Two segments, linked high and loaded low like a kernel in the upper half. */
static void make_elf(void)
{
    reset();
    put(0, 0x464c457f);
    put(4, 0x00010101);
    put(16, 2 | 3 << 16);
    put(24, 0xc0100010); /* e_entry */
    put(28, 52);
    put(40, 52 | 32 << 16);
    put(44, 3); /* e_phnum */
    put_segment(0, 1, 0x1000, 0xc0100000, 0x100000, 0x1000, 0x1000);
    put_segment(1, 6, UINT32_MAX, 0, 0, UINT32_MAX, 0); /* PT_PHDR: not ours to load */
    put_segment(2, 1, 0x2000, 0xc0104000, 0x104000, 0x10, 0x2000);
    put_header(0x1000, 0x3);
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
    req.format = CONFIG_FORMAT_MULTIBOOT;

    const err_t got = load_plan(&req, &plan);

    if (got != err || !strstr(plan.reason, word))
        fail_msg("error %d, not %d; \"%s\", not \"%s\"", got, err, plan.reason, word);
    assert_int_equal(plan.segments, 0);
}

static u32 info(u32 offset)
{
    return load_check_u32(&plan, plan.rbx + offset);
}

static const char *text_at(u32 gpa, u32 len)
{
    return (const char *)load_check_bytes(&plan, gpa, len);
}

static void test_by_addresses(void **state)
{
    (void)state;
    make_by_addresses();
    expect_plan();
    assert_int_equal(plan.mode, LOAD_PROTECTED_32);
    assert_int_equal(plan.rip, 0x200100);
    assert_int_equal(plan.rax, 0x2badb002);
    assert_int_equal(plan.segment[0].to.v, 0x200010);
    assert_ptr_equal(plan.segment[0].from, file + 0x10);
    assert_int_equal(plan.segment[0].len, 0xff0);
    assert_int_equal(plan.segment[0].room, 0x1ff0);
    put(0x54, 0); /* load_end_addr 0: the rest of the file */
    put(0x58, 0); /* bss_end_addr 0: none */
    expect_plan();
    assert_int_equal(plan.segment[0].len, sizeof(file) - 0x10);
    assert_int_equal(plan.segment[0].room, sizeof(file) - 0x10);
}

static void test_elf(void **state)
{
    (void)state;
    make_elf();
    expect_plan();
    assert_int_equal(plan.rip, 0x100010); /* the physical address of a virtual entry point */
    assert_int_equal(plan.segment[0].to.v, 0x100000);
    assert_ptr_equal(plan.segment[0].from, file + 0x1000);
    assert_int_equal(plan.segment[0].len, 0x1000);
    assert_int_equal(plan.segment[1].to.v, 0x104000);
    assert_int_equal(plan.segment[1].len, 0x10);
    assert_int_equal(plan.segment[1].room, 0x2000);
    put(24, 0x104020); /* a physical entry point, as many linker scripts give */
    expect_plan();
    assert_int_equal(plan.rip, 0x104020);
    /* One segment's physical addresses are another's virtual ones: the virtual ones count. */
    make_elf();
    put(24, 0x100010);
    put_segment(2, 1, 0x2000, 0x100000, 0x300000, 0x1000, 0x1000);
    expect_plan();
    assert_int_equal(plan.rip, 0x300010);
}

static void test_info(void **state)
{
    static const char *const strings[] = {"one", NULL, "three words here"};

    (void)state;
    make_elf();
    load_check_memory(&req, 5 * GiB);
    req.modules = 3;
    for (u32 i = 0; i < 3; i++)
        req.module[i] = (struct load_file){module_bytes, i * 2500, "mod", strings[i]};
    expect_plan();
    assert_int_equal(info(0), 0x24d);
    assert_int_equal(info(4), 639); /* 0x9fc00 bytes */
    assert_int_equal(info(8), (3 * GiB - MiB - 64 * KiB) / KiB);
    assert_string_equal(text_at(info(16), 7), "root=x");
    assert_string_equal(text_at(info(64), 7), "Lintel");
    assert_int_equal(info(20), 3);

    u32 last = 0x106000; /* the image's end */

    for (u32 i = 0; i < 3; i++) {
        const u32 entry = info(24) + 16 * i, start = load_check_u32(&plan, entry);
        const char *string = strings[i] ? strings[i] : "";

        assert_true(IS_ALIGNED(start, PAGE_SIZE) && start >= last);
        last = load_check_u32(&plan, entry + 4);
        assert_int_equal(last - start, i * 2500);
        if (i)
            assert_ptr_equal(load_check_bytes(&plan, start, i * 2500), module_bytes);
        assert_string_equal(text_at(load_check_u32(&plan, entry + 8), 1), string);
        assert_int_equal(load_check_u32(&plan, entry + 12), 0);
    }
    assert_int_equal(info(44), 5 * 24);
    for (u32 i = 0; i < 5; i++) {
        const u32 entry = info(48) + 24 * i;

        assert_int_equal(load_check_u32(&plan, entry), 20);
        assert_int_equal(load_check_u64(&plan, entry + 4), req.memory[i].base);
        assert_int_equal(load_check_u64(&plan, entry + 12), req.memory[i].len);
        assert_int_equal(load_check_u32(&plan, entry + 20), req.memory[i].type);
    }
    assert_int_equal(load_check_u64(&plan, plan.gdt.v + 0x10), 0x00cf9b000000ffff); /* D, G, P */
    assert_int_equal(load_check_u64(&plan, plan.gdt.v + 0x18), 0x00cf93000000ffff);
}

static void test_all_modules(void **state)
{
    static char string[CONFIG_STRING_MAX];

    (void)state;
    make_by_addresses();
    memset(string, 's', sizeof(string) - 1);
    req.modules = CONFIG_GUEST_MODULES;
    for (u32 i = 0; i < req.modules; i++)
        req.module[i] = (struct load_file){module_bytes, sizeof(module_bytes), "mod", string};
    expect_plan();
    for (u32 i = 0; i < req.modules; i++)
        assert_string_equal(text_at(load_check_u32(&plan, info(24) + 16 * i + 8), 128), string);
    req.module[7].size = 64 * MiB;
    expect_refused(E_NOMEM, "mod: the module needs 0x4000000 bytes");
    req.module[7].size = UINT64_MAX;
    expect_refused(E_RANGE, "module of 0xffffffffffffffff bytes");
}

static void test_search(void **state)
{
    static const struct {
        u32 at;
        bool found;
    } rows[] = {{0, true},     {4, true},     {8160, true}, {8164, false}, {8180, false},
                {8184, false}, {8192, false}, {2, false},   {41, false}};

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        const u32 at = rows[i].at;

        reset();
        put_header(at, 0x10003);
        put(at + 12, 0x300000);
        put(at + 16, 0x300000);
        put(at + 28, 0x300000);
        if (rows[i].found)
            expect_plan();
        else
            expect_refused(E_INVAL, at == 8164 || at == 8180 ? "cut off" : "no Multiboot header");
    }
    reset(); /* a magic number without its checksum is passed over */
    put(0, MAGIC);
    put_header(0x100, 0x10003);
    put(0x10c, 0x300100);
    put(0x110, 0x300000);
    put(0x11c, 0x300000);
    expect_plan();
    assert_int_equal(plan.segment[0].to.v, 0x300000);
}

static void test_flags(void **state)
{
    (void)state;
    for (u32 bit = 0; bit < 32; bit++) {
        make_by_addresses();
        put_header(0x40, 0x10000 | BIT32(bit));
        if (bit < 2 || bit >= 16)
            expect_plan();
        else
            expect_refused(E_NOTSUP, bit == 2 ? "video mode" : "unknown requirements");
    }
}

static void test_bent_addresses(void **state)
{
    static const struct {
        u32 header, load, load_end, bss_end, entry;
        err_t err;
        const char *word;
    } rows[] = {
        {0x200040, 0x200041, 0, 0, 0x200100, E_INVAL, "load_addr 0x200041"},
        {0x200040, 0x1fffff, 0, 0, 0x200100, E_INVAL, "load_addr 0x1fffff"},
        {0x200040, 0x200000, 0x204000, 0, 0x200100, OK, ""},
        {0x200040, 0x200000, 0x204001, 0, 0x200100, E_INVAL, "load_end_addr 0x204001"},
        {0x200040, 0x200000, 0x200000, 0, 0x200100, E_INVAL, "load_end_addr 0x200000"},
        {0x200040, 0x200000, 0x1fffff, 0, 0x200100, E_INVAL, "load_end_addr 0x1fffff"},
        {0x200040, 0x200000, 0x201000, 0x200fff, 0x200100, E_INVAL, "bss_end_addr 0x200fff"},
        {0x200040, 0x200000, 0x201000, 0x1000, 0x200100, E_INVAL, "bss_end_addr 0x1000"},
        {0x200040, 0x200000, 0x201000, 0x201000, 0x200fff, OK, ""},
        {0x200040, 0x200000, 0x201000, 0x201000, 0x201000, E_INVAL, "entry_addr 0x201000"},
        {0x200040, 0x200000, 0x201000, 0x201000, 0x1fffff, E_INVAL, "entry_addr 0x1fffff"},
        {0x200040, 0x200000, 0x201000, 0xffffffff, 0x200100, E_RANGE, "not free RAM"},
        {0xffffff40, 0xffffff00, 0, 0, 0xffffff80, E_INVAL, "entry_addr"},
        {0x040, 0x0, 0x9fc00, 0, 0x100, E_INVAL, "load_end_addr"},
        {0x40, 0x0, 0x1000, 0x9fc00, 0x100, E_NOMEM, "multiboot_info"},
        {0x40, 0x0, 0x1000, 0x9fc01, 0x100, E_RANGE, "not free RAM"},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        make_by_addresses();
        put(0x4c, rows[i].header);
        put(0x50, rows[i].load);
        put(0x54, rows[i].load_end);
        put(0x58, rows[i].bss_end);
        put(0x5c, rows[i].entry);
        if (rows[i].err == OK)
            expect_plan();
        else
            expect_refused(rows[i].err, rows[i].word);
    }
}

static void test_bent_elf(void **state)
{
    static const struct {
        u32 offset, value;
        err_t err;
        const char *word;
    } rows[] = {
        {0, 0x464c457e, E_INVAL, "not an ELF file"},
        {4, 0x00010102, E_NOTSUP, "ELF class 2"},
        {4, 0x00010201, E_NOTSUP, "not 32-bit x86"},
        {16, 2 | 62 << 16, E_NOTSUP, "machine 62"},
        {16, 3 | 3 << 16, E_NOTSUP, "ELF type 3"},
        {28, 0xffffffff, E_INVAL, "program headers"},
        {28, 16384 - 95, E_INVAL, "program headers"},
        {28, 16384 - 96, E_INVAL, "in no loaded segment"}, /* there, but empty */
        {40, 52 | 31 << 16, E_INVAL, "of 31 bytes"},
        {44, 0xffff, E_INVAL, "65535 program headers"},
        {44, 0, E_INVAL, "in no loaded segment"},
        {24, 0xc0101000, E_INVAL, "entry point 0xc0101000"},
        {24, 0xc0105fff, OK, ""},
        {52 + 4, 0x4000, E_INVAL, "not in the file"}, /* p_offset */
        {52 + 4, 0xfffff001, E_INVAL, "not in the file"},
        {52 + 4, 0x3000, OK, ""},
        {52 + 4, 0x3001, E_INVAL, "not in the file"},
        {52 + 16, 0x1001, E_INVAL, "p_filesz 0x1001"},
        {52 + 16, 0, OK, ""},
        {52 + 16, 0xffffffff, E_INVAL, "not in the file"},
        {52 + 20, 0xfff, E_INVAL, "p_memsz 0xfff"},
        {52 + 20, 0x4000, OK, ""},
        {52 + 20, 0x4001, E_RANGE, "not free RAM"}, /* into the other segment */
        {52 + 20, 0xffffffff, E_INVAL, "do not fit"},
        {52 + 12, 0xfffff000, E_RANGE, "not free RAM"}, /* p_paddr */
        {52 + 12, 0xfffff001, E_INVAL, "do not fit"},
        {52 + 12, 0x9f000, E_RANGE, "not free RAM"},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
        make_elf();
        put(rows[i].offset, rows[i].value);
        if (rows[i].err == OK)
            expect_plan();
        else
            expect_refused(rows[i].err, rows[i].word);
    }
}

static void test_many_segments(void **state)
{
    (void)state;
    make_elf();
    put(44, 60);
    memset(file + 52, 0, 60 * 32);
    memset(file + 0x1000, 0, 16); /* the old header */
    put_header(0x1ffc, 0x3);
    expect_refused(E_INVAL, "no Multiboot header"); /* its end lies behind the first 8192 bytes */
    put_header(0x1800, 0x3);
    for (u32 i = 0; i < 60; i++)
        put_segment(i, 1, 0, 0xc0100000 + i * 16, 0x100000 + i * 16, 16, 16);
    expect_refused(E_NOMEM, "more than 56 pieces");
    put(44, 40);
    expect_plan();
}

static void test_truncated(void **state)
{
    (void)state;
    for (u64 size = 0; size < 0x2100; size++) {
        for (u32 kind = 0; kind < 2; kind++) {
            kind ? make_elf() : make_by_addresses();

            u8 *copy = malloc(size ? size : 1); /* ASan sees a read behind the end */
            const bool whole = size >= (kind ? 0x2010 : 0x1000);

            assert_non_null(copy);
            memcpy(copy, file, size);
            req.kernel = (struct load_file){copy, size, "kernel.bin", NULL};
            if (whole)
                expect_plan();
            else
                expect_refused(E_INVAL, "kernel.bin: ");
            free(copy);
        }
    }
}

static void test_requests(void **state)
{
    (void)state;
    make_by_addresses();
    req.initrd = (struct load_file){module_bytes, 1, "initrd", NULL};
    expect_refused(E_NOTSUP, "use module");
    make_by_addresses();
    req.memory[0].len = 0;
    expect_refused(E_NOMEM, "multiboot_info");
    req.modules = 1;
    req.module[0] = (struct load_file){module_bytes, 1, "mod", NULL};
    assert_int_equal(load_check_low_memory(&req, &plan), 5); /* info, line, map, modules, GDT */
    req.memories = 17;
    assert_int_equal(load_multiboot(&req, &plan), E_INVAL); /* asked without load_plan() */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_addresses),   cmocka_unit_test(test_elf),
        cmocka_unit_test(test_info),           cmocka_unit_test(test_all_modules),
        cmocka_unit_test(test_search),         cmocka_unit_test(test_flags),
        cmocka_unit_test(test_bent_addresses), cmocka_unit_test(test_bent_elf),
        cmocka_unit_test(test_many_segments),  cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
