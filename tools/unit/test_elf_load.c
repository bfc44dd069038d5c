/* hv.elf's judgement: a good file, and one that is wrong in each single way. */
#include "boot/elf_load.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LINKED    0xffffffff80000000ull
#define FILE_SIZE 0x5000u

struct phdr {
    u32 type, flags;
    u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

/* A file under construction; what lies behind phnum headers is zero. */
struct image {
    struct elf h;
    struct phdr ph[10];
    size_t size;
};

static struct image good_image(void)
{
    return (struct image){
        .h = {.ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
              .type = 2,
              .machine = 62,
              .version = 1,
              .entry = LINKED + 0x10,
              .phoff = sizeof(struct elf),
              .ehsize = sizeof(struct elf),
              .phentsize = sizeof(struct phdr),
              .phnum = 4},
        .ph = {{1, 5, 0x1000, LINKED, 0, 0x1800, 0x1800, 0x1000},
               {1, 4, 0x3000, LINKED + 0x2000, 0, 0x10, 0x10, 0x1000},
               {1, 6, 0x4000, LINKED + 0x4000, 0, 0x100, 0x3100, 0x1000},
               {0x6474e551, 6, 0, 0, 0, 0, 0, 0}},
        .size = FILE_SIZE,
    };
}

static err_t plan(const struct image *image, struct elf_plan *out, const char **reason)
{
    static u8 file[FILE_SIZE];

    memcpy(file, &image->h, sizeof(image->h));
    memcpy(file + sizeof(image->h), image->ph, sizeof(image->ph));
    return elf_plan(file, image->size, out, reason);
}

static void test_good(void **state)
{
    const struct image image = good_image();
    const struct elf_segment want[] = {
        {LINKED, 0x1800, 0x1000, 0x1800, false, true},
        {LINKED + 0x2000, 0x10, 0x3000, 0x10, false, false},
        {LINKED + 0x4000, 0x3100, 0x4000, 0x100, true, false},
    };
    struct elf_plan p;
    const char *reason = NULL;

    (void)state;
    assert_int_equal(plan(&image, &p, &reason), OK);
    assert_int_equal(p.entry, LINKED + 0x10);
    assert_int_equal(p.virt, LINKED);
    assert_int_equal(p.span, 0x8000);
    assert_int_equal(p.count, ARRAY_LEN(want));
    for (u32 i = 0; i < p.count; i++) {
        assert_int_equal(p.segment[i].virt, want[i].virt);
        assert_int_equal(p.segment[i].mem_size, want[i].mem_size);
        assert_int_equal(p.segment[i].file_offset, want[i].file_offset);
        assert_int_equal(p.segment[i].file_size, want[i].file_size);
        assert_int_equal(p.segment[i].writable, want[i].writable);
        assert_int_equal(p.segment[i].executable, want[i].executable);
    }
}

/* ------------------------------------------------------------ one change each */

// clang-format off
#define CHANGE(name, statement) static void name(struct image *i) { statement; }
CHANGE(no_magic,        i->h.ident[0] = 0x7e)
CHANGE(elf32,           i->h.ident[4] = 1)
CHANGE(big_endian,      i->h.ident[5] = 2)
CHANGE(shared,          i->h.type = 3)
CHANGE(relocatable,     i->h.type = 1)
CHANGE(arm,             i->h.machine = 183)
CHANGE(version_2,       i->h.version = 2)
CHANGE(odd_phentsize,   i->h.phentsize = 55)
CHANGE(odd_ehsize,      i->h.ehsize = 52)
CHANGE(no_phdrs,        i->h.phnum = 0)
CHANGE(many_phdrs,      i->h.phnum = 0xffff)
CHANGE(phdrs_behind,    i->h.phoff = FILE_SIZE - 4 * sizeof(struct phdr) + 1)
CHANGE(phdrs_wrap,      i->h.phoff = 0 - 64ull)
CHANGE(only_header,     i->size = sizeof(struct elf))
CHANGE(tiny,            i->size = sizeof(struct elf) - 1)
CHANGE(empty,           i->size = 0)
CHANGE(truncated,       i->size = 0x40ff)
CHANGE(offset_behind,   i->ph[1].offset = FILE_SIZE + 1)
CHANGE(offset_wraps,    i->ph[1].offset = 0 - 8ull)
CHANGE(filesz_wraps,    i->ph[1].filesz = 0 - 0x1000ull; i->ph[1].memsz = i->ph[1].filesz)
CHANGE(memsz_small,     i->ph[2].memsz = 0xff)
CHANGE(rwx,             i->ph[0].flags = 7)
CHANGE(wx,              i->ph[2].flags = 3)
CHANGE(unaligned,       i->ph[1].vaddr += 0x10)
CHANGE(low_half,        i->ph[0].vaddr = 0x200000)
CHANGE(below_2_gib,     i->ph[0].vaddr = LINKED - 0x1000)
CHANGE(memsz_huge,      i->ph[2].memsz = ELF_SPAN_MAX + 1)
CHANGE(memsz_wraps,     i->ph[2].memsz = 0 - 0x1000ull)
CHANGE(at_the_top,      i->ph[2].vaddr = 0 - 0x3000ull)
CHANGE(to_the_top,      for (u32 n = 0; n < 3; n++) i->ph[n].vaddr += BIT(31) - 2 * MiB;
                        i->h.entry = i->ph[0].vaddr; i->ph[2].memsz = 0 - i->ph[2].vaddr)
CHANGE(overlap,         i->ph[1].vaddr = LINKED + 0x1000)
CHANGE(descending,      i->ph[2].vaddr = LINKED + 0x1000)
CHANGE(same_page,       i->ph[0].memsz = 0x2001)
CHANGE(spread,          i->ph[2].vaddr = LINKED + ELF_SPAN_MAX)
CHANGE(off_2_mib,       for (int n = 0; n < 3; n++) i->ph[n].vaddr += 0x1000; i->h.entry += 0x1000)
CHANGE(entry_in_data,   i->h.entry = LINKED + 0x4000)
CHANGE(entry_behind,    i->h.entry = LINKED + 0x1800)
CHANGE(entry_before,    i->h.entry = LINKED - 1)
CHANGE(interpreter,     i->ph[3].type = 3)
CHANGE(dynamic,         i->ph[3].type = 2)
CHANGE(tls,             i->ph[3].type = 7)
CHANGE(nothing,         for (int n = 0; n < 3; n++) i->ph[n].type = 0)
CHANGE(nothing_large,   for (int n = 0; n < 3; n++) i->ph[n].filesz = i->ph[n].memsz = 0)

static const struct bad {
    void (*change)(struct image *image);
    const char *word; /* that the reason must contain */
} bad[] = {
    {no_magic, "ELF"},        {elf32, "64-bit"},        {big_endian, "endian"},   {shared, "statically"},
    {relocatable, "statically"}, {arm, "x86-64"},       {version_2, "header"},    {odd_phentsize, "header"},
    {odd_ehsize, "header"},   {no_phdrs, "program headers"}, {many_phdrs, "many"}, {phdrs_behind, "outside"},
    {phdrs_wrap, "outside"},  {only_header, "outside"}, {tiny, "short"},          {empty, "short"},
    {truncated, "truncated"}, {offset_behind, "outside"}, {offset_wraps, "outside"}, {filesz_wraps, "outside"},
    {memsz_small, "larger in the file"}, {rwx, "both writable and executable"},   {wx, "both writable and executable"},
    {unaligned, "aligned"},   {low_half, "below"},      {below_2_gib, "below"},   {memsz_huge, "too large"},
    {memsz_wraps, "too large"}, {at_the_top, "too large"}, {to_the_top, "too large"}, {overlap, "overlap"},  {descending, "overlap"},
    {same_page, "overlap"},   {spread, "spread"},       {off_2_mib, "2 MiB"},     {entry_in_data, "entry"},
    {entry_behind, "entry"},  {entry_before, "entry"},  {interpreter, "dynamic"}, {dynamic, "dynamic"},
    {tls, "thread-local"},    {nothing, "nothing"},     {nothing_large, "nothing"},
};
// clang-format on

static void test_bad(void **state)
{
    struct elf_plan p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct image image = good_image();
        const char *reason = NULL;

        bad[i].change(&image);
        assert_int_equal(plan(&image, &p, &reason), E_INVAL);
        if (strstr(reason, bad[i].word) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, reason, bad[i].word);
    }
}

static void test_too_many_segments(void **state)
{
    struct image image = good_image();
    struct elf_plan p;
    const char *reason;

    (void)state;
    for (u32 i = 3; i < 9; i++)
        image.ph[i] = (struct phdr){1, 4, 0, LINKED + 0x7000 + i * PAGE_SIZE, 0, 0, 1, 0x1000};
    image.h.phnum = 8;
    assert_int_equal(plan(&image, &p, &reason), OK);
    image.h.phnum = 9;
    assert_int_equal(plan(&image, &p, &reason), E_INVAL);
}

static void test_largest(void **state)
{
    struct image image = good_image();
    struct elf_plan p;
    const char *reason;

    (void)state;
    image.ph[2].memsz = ELF_SPAN_MAX - 0x4000;
    assert_int_equal(plan(&image, &p, &reason), OK);
    assert_int_equal(p.span, ELF_SPAN_MAX);
    image.ph[2].memsz++;
    assert_int_equal(plan(&image, &p, &reason), E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_too_many_segments),
        cmocka_unit_test(test_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
