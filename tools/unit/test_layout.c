/* control/create/layout.c: images in a guest's memory, by steps that need no other memory. */
#include "abi/flat.h"
#include "layout_run.h"
#include "lib/fmt.h"
#include "pc.h"
#include "tools/unit/linux_image.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SETUP_LEN (5 * 512u)

static struct layout l;
static struct abi_guest_spec spec;
static struct layout_files files;
static u8 kernel[6 * MiB], initrd[100000];
static u8 *memory;

static void set(u32 offset, u32 size, u64 value)
{
    linux_image_set(kernel, offset, size, value);
}

/* A relocatable bzImage of that many bytes, which wants `room`. */
static void make_linux(u64 bytes, u32 room)
{
    for (u64 i = 0; i < sizeof(kernel); i++)
        kernel[i] = (u8)(i * 7 + i / 251);
    linux_image_make(kernel, 4, bytes - SETUP_LEN, room);
    files.kernel_bytes = bytes;
}

static int fresh(void **state)
{
    (void)state;
    for (u32 i = 0; i < sizeof(initrd); i++)
        initrd[i] = (u8)(i ^ i / 256);
    memset(&l, 0xa5, sizeof(l));
    memset(&spec, 0, sizeof(spec));
    spec.memory = 32 * MiB;
    spec.vcpus = 2;
    fmt_buf(spec.kernel, sizeof(spec.kernel), "ide0:1:/lintel/vmlinuz");
    fmt_buf(spec.initrd, sizeof(spec.initrd), "ide0:1:/lintel/initrd");
    fmt_buf(spec.cmdline, sizeof(spec.cmdline), "quiet");
    files = (struct layout_files){kernel, initrd, 0, sizeof(initrd)};
    return 0;
}

static int clean(void **state)
{
    (void)state;
    free(memory);
    memory = NULL;
    return 0;
}

/* As far as the plan, on memory that holds `byte`. */
static err_t plan(int byte)
{
    memory = malloc(spec.memory);
    assert_non_null(memory);
    memset(memory, byte, spec.memory);
    TRY(layout_begin(&l, &spec, files.kernel_bytes, files.initrd_bytes, byte != 0));
    layout_run(&l, memory, &files);
    return layout_plan(&l, memory, &layout_pc);
}

static void load(int byte)
{
    if (plan(byte) != OK)
        fail_msg("refused: %s", l.plan.reason);
    layout_run(&l, memory, &files);
    memset(memory + VM_LOW_END, 0, VM_HIGH_ROM - VM_LOW_END); /* no RAM of the guest's */
    assert_true(layout_is_there(&l, memory, &files));
}

static void test_linux(void **state)
{
    struct abi_registers r;

    (void)state;
    make_linux(2 * MiB, 4 * MiB);
    load(0);
    assert_memory_equal(memory + 16 * MiB, kernel + SETUP_LEN, 2 * MiB - SETUP_LEN);
    r = layout_registers(&l);
    assert_int_equal(r.mode, ABI_LONG_64);
    assert_int_equal(r.rip, 16 * MiB + 0x200);
    assert_in_range(r.cr3, 1, 0xa0000);
    assert_in_range(r.rsi, 1, 0xa0000);
    assert_int_equal(r.gdt_limit, l.plan.gdt_limit);
}

/* What an attempt has left that did not come to its end is gone. */
static void test_dirty(void **state)
{
    (void)state;
    make_linux(2 * MiB, 4 * MiB);
    load(0xee);
}

/* The kernel's place and its file overlap, this way and the other. */
static void test_overlap(void **state)
{
    (void)state;
    spec.memory = 14 * MiB;
    make_linux(6 * MiB, 10 * MiB);
    files.initrd_bytes = 0;
    load(0);
    assert_true(l.file_at < 12 * MiB);
    free(memory);
    spec.memory = 18 * MiB; /* the file lies from 12 MiB on, its place is the lowest that is free */
    make_linux(6 * MiB, 15 * MiB);
    load(0);
}

static void test_flat(void **state)
{
    struct flat_header header = {.magic = FLAT_MAGIC,
                                 .version = FLAT_VERSION,
                                 .entry = sizeof(header),
                                 .image_size = 5000,
                                 .bss_size = 2 * MiB - 10000};

    (void)state;
    spec.memory = 4 * MiB;
    files.initrd_bytes = 0;
    files.kernel_bytes = 6000;
    memset(kernel, 0x77, 6000);
    memcpy(kernel, &header, sizeof(header));
    load(0);
    assert_memory_equal(memory + FLAT_LOAD_GPA, kernel, 5000);
    assert_int_equal(memory[l.file_at + 5999], 0); /* the file's rest */
}

static void test_refused(void **state)
{
    (void)state;
    make_linux(2 * MiB, 4 * MiB);
    spec.memory = 4 * MiB;
    files.kernel_bytes = 3 * MiB + 1;
    assert_int_equal(plan(0), E_RANGE);
    assert_non_null(strstr(l.plan.reason, "vmlinuz has 3072 KiB; give the guest more --memory"));
    free(memory);
    spec.memory = 16 * MiB;
    set(0x260, 4, 16 * MiB);
    files.kernel_bytes = 2 * MiB;
    assert_int_equal(plan(0), E_NOMEM);
    assert_non_null(strstr(l.plan.reason, "give the guest more memory"));
    free(memory);
    memset(kernel, 0, 1024);
    assert_int_equal(plan(0), E_NOTSUP);
    assert_non_null(strstr(l.plan.reason, "no known format"));
}

/* A Multiboot kernel by its addresses: moved at once; ELF with parts in each other's way. */
static void test_parts(void **state)
{
    static const u32 elf[] = {0x464c457f, 0x00010101, 0, 0, 0x00030002, 1,
                              MiB + 64,   52,         0, 0, 0x00200034, 2};
    /* type, offset, vaddr, paddr, filesz, memsz, flags, align: the first goes where the second's
     * bytes lie in the file. */
    const u32 part[2][8] = {{1, 0x1000, 0, 0, 0x1000, 0x1000, 7, 1},
                            {1, 0x2000, MiB, MiB, 0x1000, 0x1000, 7, 1}};
    const u32 header[] = {0x1badb002, 0, (u32)-0x1badb002};

    (void)state;
    spec.memory = 4 * MiB;
    files.initrd_bytes = 0;
    files.kernel_bytes = 0x3000;
    memset(kernel, 0x11, 0x3000);
    memcpy(kernel, elf, sizeof(elf));
    memcpy(kernel + 52, part, sizeof(part));
    memcpy(kernel + 0x400, header, sizeof(header));
    set(52 + 12, 4, 4 * MiB - 0x3000 + 0x1800); /* the file's end is the memory's */
    assert_int_equal(plan(0), E_NOMEM);
    assert_non_null(strstr(l.plan.reason, "do not find room beside each other"));
    free(memory);
    set(52 + 12, 4, 2 * MiB);
    load(0);
    assert_int_equal(layout_registers(&l).mode, ABI_PROTECTED_32);
    assert_int_equal(layout_registers(&l).rip, MiB + 64);
}

static void test_tables(void **state)
{
    (void)state;
    make_linux(2 * MiB, 4 * MiB);
    load(0);
    assert_memory_equal(memory + 0xe0000, "RSD PTR ", 8);
    assert_memory_equal(memory + 0xf0000, "_SM3_", 5);
    assert_int_equal(memory[0x413] | memory[0x414] << 8, 639);
    assert_int_equal(memory[0x9fc00], 1);
}

/* A guest of lintel.conf with the same keys, of which boot/plans.c tells pc_plan() the same, finds
 * the same there. */
static void test_same_tables_as_the_loaders(void **state)
{
    static struct load_plan others;
    const struct boot_module files_there[] = {
        {.base = (u64)kernel, .size = 2 * MiB, .path = "ide0:1:/lintel/vmlinuz"},
        {.base = (u64)initrd, .size = sizeof(initrd), .path = "ide0:1:/lintel/initrd"}};
    const struct pc_guest guest = {.config = &l.config,
                                   .tsc_hz = layout_pc.tsc_hz,
                                   .signature = layout_pc.signature,
                                   .features = layout_pc.features,
                                   .module = files_there,
                                   .modules = ARRAY_LEN(files_there)};

    (void)state;
    make_linux(2 * MiB, 4 * MiB);
    for (spec.vcpus = 1; spec.vcpus <= ABI_VCPUS_MAX; spec.vcpus++) {
        load(0);
        assert_int_equal(pc_plan(&guest, &others), OK);
        assert_int_equal(others.segments, l.plan.segments);
        for (u32 i = 0; i < others.segments; i++)
            assert_memory_equal(memory + others.segment[i].to.v, others.segment[i].from,
                                others.segment[i].len);
        free(memory);
    }
    memory = NULL;
}

/* Memory above 4 GiB is cleared. */
static void test_large(void **state)
{
    u64 high = 0;

    (void)state;
    spec.memory = 5 * GiB;
    assert_int_equal(layout_begin(&l, &spec, MiB, 0, true), OK);
    assert_int_equal(l.file_at, 3 * GiB - MiB);
    for (u32 i = 0; i < l.steps; i++)
        if (l.step[i].kind == LAYOUT_CLEAR && l.step[i].to == 4 * GiB)
            high = l.step[i].len;
    assert_int_equal(high, 2 * GiB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_linux, fresh, clean),
        cmocka_unit_test_setup_teardown(test_dirty, fresh, clean),
        cmocka_unit_test_setup_teardown(test_overlap, fresh, clean),
        cmocka_unit_test_setup_teardown(test_flat, fresh, clean),
        cmocka_unit_test_setup_teardown(test_refused, fresh, clean),
        cmocka_unit_test_setup_teardown(test_parts, fresh, clean),
        cmocka_unit_test_setup_teardown(test_tables, fresh, clean),
        cmocka_unit_test_setup_teardown(test_same_tables_as_the_loaders, fresh, clean),
        cmocka_unit_test_setup_teardown(test_large, fresh, clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
