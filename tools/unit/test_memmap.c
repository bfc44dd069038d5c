/* The UEFI memory map's conversion. */
#include "boot/memmap.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ROWS_MAX 8u
#define WB       8u /* EFI_MEMORY_WB */
#define RUNTIME  BIT(63)

enum { LOADER = 2, BOOT_CODE = 3, BOOT_DATA = 4, RUNTIME_CODE = 5, CONVENTIONAL = 7, UNUSABLE = 8 };
enum { ACPI_RECLAIM = 9, ACPI_NVS = 10, MMIO = 11, PERSISTENT = 14, UNKNOWN = 0x80000001 };

struct efi_row {
    u32 type;
    u64 base, pages, attribute;
};

/* Rows -> bytes as a firmware with descriptors of `stride` bytes gives them. */
static size_t encode(const struct efi_row *rows, u32 count, size_t stride, u8 *out)
{
    memset(out, 0xee, count * stride);
    for (u32 i = 0; i < count; i++) {
        u64 words[5] = {rows[i].type, rows[i].base, 0, rows[i].pages, rows[i].attribute};

        memcpy(out + i * stride, words, sizeof(words));
    }
    return count * stride;
}

static err_t convert(const struct efi_row *rows, u32 count, size_t stride, struct memmap *m,
                     struct memmap_error *error)
{
    u8 bytes[ROWS_MAX * 64];

    return memmap_convert(bytes, encode(rows, count, stride, bytes), stride, m, error);
}

static void check_regions(const struct memmap *m, const struct boot_mem *want, u32 count)
{
    assert_int_equal(m->count, count);
    for (u32 i = 0; i < count; i++) {
        assert_int_equal(m->region[i].base, want[i].base);
        assert_int_equal(m->region[i].len, want[i].len);
        assert_int_equal(m->region[i].type, want[i].type);
        assert_int_equal(m->region[i].cache, want[i].cache);
    }
}

// clang-format off
static const struct good {
    const char *name;
    struct efi_row rows[ROWS_MAX];
    u32 rows_count;
    struct boot_mem want[ROWS_MAX];
    u32 want_count;
} good[] = {
    {"unsorted, merged, boot services are free",
     {{BOOT_DATA, 0x5000, 3, WB}, {LOADER, 0x2000, 1, WB}, {CONVENTIONAL, 0x3000, 1, WB}, {BOOT_CODE, 0x4000, 1, WB}}, 4,
     {{0x2000, 0x6000, BOOT_MEM_USABLE, BOOT_CACHE_WB}}, 1},
    {"page 0 is never free",
     {{CONVENTIONAL, 0, 3, WB}}, 1,
     {{0, 0x1000, BOOT_MEM_RESERVED, BOOT_CACHE_WB}, {0x1000, 0x2000, BOOT_MEM_USABLE, BOOT_CACHE_WB}}, 2},
    {"page 0 alone",
     {{CONVENTIONAL, 0, 1, WB}, {CONVENTIONAL, 0x1000, 1, WB | 1}}, 2,
     {{0, 0x1000, BOOT_MEM_RESERVED, BOOT_CACHE_WB}, {0x1000, 0x1000, BOOT_MEM_USABLE, BOOT_CACHE_WB | BOOT_CACHE_UC}}, 2},
    {"types",
     {{0, 0x1000, 1, WB}, {RUNTIME_CODE, 0x2000, 1, WB | RUNTIME}, {ACPI_RECLAIM, 0x3000, 1, WB},
      {ACPI_NVS, 0x4000, 1, WB}, {MMIO, 0x5000, 1, 1}, {UNKNOWN, 0x6000, 1, WB}, {UNUSABLE, 0x7000, 1, WB}}, 7,
     {{0x1000, 0x1000, BOOT_MEM_RESERVED, BOOT_CACHE_WB}, {0x2000, 0x1000, BOOT_MEM_RUNTIME, BOOT_CACHE_WB},
      {0x3000, 0x2000, BOOT_MEM_ACPI, BOOT_CACHE_WB}, {0x5000, 0x1000, BOOT_MEM_MMIO, BOOT_CACHE_UC},
      {0x6000, 0x2000, BOOT_MEM_RESERVED, BOOT_CACHE_WB}}, 5},
    {"cache bits have their own order",
     {{CONVENTIONAL, 0x1000, 1, 8 | 1}, {CONVENTIONAL, 0x3000, 1, 8 | 2}, {CONVENTIONAL, 0x5000, 1, 8 | 4}}, 3,
     {{0x1000, 0x1000, BOOT_MEM_USABLE, BOOT_CACHE_WB | BOOT_CACHE_UC}, {0x3000, 0x1000, BOOT_MEM_USABLE, BOOT_CACHE_WB | BOOT_CACHE_WC},
      {0x5000, 0x1000, BOOT_MEM_USABLE, BOOT_CACHE_WB | BOOT_CACHE_WT}}, 3},
    {"free by type, but not ours to take",
     {{BOOT_DATA, 0x1000, 1, WB | RUNTIME}, {CONVENTIONAL, 0x3000, 1, WB | BIT(15)}, {CONVENTIONAL, 0x5000, 1, WB | BIT(18)},
      {CONVENTIONAL, 0x7000, 1, 1}, {PERSISTENT, 0x9000, 1, WB}}, 5,
     {{0x1000, 0x1000, BOOT_MEM_RUNTIME, BOOT_CACHE_WB}, {0x3000, 0x1000, BOOT_MEM_RESERVED, BOOT_CACHE_WB},
      {0x5000, 0x1000, BOOT_MEM_RESERVED, BOOT_CACHE_WB}, {0x7000, 0x1000, BOOT_MEM_RESERVED, BOOT_CACHE_UC},
      {0x9000, 0x1000, BOOT_MEM_RESERVED, BOOT_CACHE_WB}}, 5},
    {"a firmware that says nothing about caching",
     {{CONVENTIONAL, 0x1000, 1, 0}}, 1, {{0x1000, 0x1000, BOOT_MEM_USABLE, 0}}, 1},
    {"no pages: no region, even inside another",
     {{CONVENTIONAL, 0x1000, 4, WB}, {MMIO, 0x2000, 0, 1}}, 2, {{0x1000, 0x4000, BOOT_MEM_USABLE, BOOT_CACHE_WB}}, 1},
    {"a gap is filled and joins both sides",
     {{CONVENTIONAL, 0x1000, 1, WB}, {CONVENTIONAL, 0x3000, 1, WB}, {LOADER, 0x2000, 1, WB}}, 3,
     {{0x1000, 0x3000, BOOT_MEM_USABLE, BOOT_CACHE_WB}}, 1},
    {"joins what lies behind it",
     {{CONVENTIONAL, 0x3000, 1, WB}, {CONVENTIONAL, 0x2000, 1, WB}}, 2,
     {{0x2000, 0x2000, BOOT_MEM_USABLE, BOOT_CACHE_WB}}, 1},
    {"up to the last page of the address space",
     {{CONVENTIONAL, BIT(52) - 0x1000, 1, WB}}, 1, {{BIT(52) - 0x1000, 0x1000, BOOT_MEM_USABLE, BOOT_CACHE_WB}}, 1},
};

static const struct bad {
    const char *reason;
    struct efi_row rows[ROWS_MAX];
    u32 rows_count;
    u64 base; /* of the descriptor to be blamed */
} bad[] = {
    {"a descriptor overlaps another", {{CONVENTIONAL, 0x1000, 4, WB}, {CONVENTIONAL, 0x4000, 1, WB}}, 2, 0x4000},
    {"a descriptor overlaps another", {{CONVENTIONAL, 0x4000, 1, WB}, {CONVENTIONAL, 0x1000, 4, WB}}, 2, 0x1000},
    {"a descriptor overlaps another", {{CONVENTIONAL, 0x4000, 1, WB}, {MMIO, 0x4000, 1, 1}}, 2, 0x4000},
    {"a descriptor is not page-aligned", {{CONVENTIONAL, 0x1800, 1, WB}}, 1, 0x1800},
    {"a descriptor reaches beyond the physical address space", {{CONVENTIONAL, BIT(52), 1, WB}}, 1, BIT(52)},
    {"a descriptor reaches beyond the physical address space", {{CONVENTIONAL, BIT(53), 1, WB}}, 1, BIT(53)},
    {"a descriptor reaches beyond the physical address space", {{CONVENTIONAL, BIT(52) - 0x1000, 2, WB}}, 1, BIT(52) - 0x1000},
    {"a descriptor reaches beyond the physical address space", {{CONVENTIONAL, 0x2000, UINT64_MAX, WB}}, 1, 0x2000},
    {"a descriptor reaches beyond the physical address space", {{CONVENTIONAL, 0x2000, BIT(52), WB}}, 1, 0x2000},
};
// clang-format on

static void test_good_maps(void **state)
{
    struct boot_mem region[ROWS_MAX + 2];
    struct memmap_error error;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        for (size_t stride = 40; stride <= 64; stride += 8) {
            struct memmap m = {.region = region, .max = ARRAY_LEN(region)};

            print_message("%s, %zu bytes a descriptor\n", good[i].name, stride);
            assert_int_equal(convert(good[i].rows, good[i].rows_count, stride, &m, &error), OK);
            check_regions(&m, good[i].want, good[i].want_count);
        }
    }
}

static void test_bad_maps(void **state)
{
    struct boot_mem region[ROWS_MAX];
    struct memmap_error error;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct memmap m = {.region = region, .max = ARRAY_LEN(region)};

        assert_int_equal(convert(bad[i].rows, bad[i].rows_count, 48, &m, &error), E_INVAL);
        assert_string_equal(error.reason, bad[i].reason);
        assert_int_equal(error.base, bad[i].base);
    }
}

static void test_bad_shapes(void **state)
{
    static const struct {
        size_t len, stride;
    } shapes[] = {{0, 48}, {40, 39}, {48, 0}, {49, 48}, {47, 48}, {2048, 2048}, {64, SIZE_MAX}};
    const u8 bytes[2048] = {0};
    struct boot_mem region[ROWS_MAX];
    struct memmap_error error;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct memmap m = {.region = region, .max = ARRAY_LEN(region)};

        assert_int_equal(memmap_convert(bytes, shapes[i].len, shapes[i].stride, &m, &error),
                         E_INVAL);
    }
}

static void test_too_many_regions(void **state)
{
    static const struct efi_row rows[] = {{CONVENTIONAL, 0x1000, 1, WB},
                                          {CONVENTIONAL, 0x3000, 1, WB},
                                          {CONVENTIONAL, 0x5000, 1, WB}};
    static const struct efi_row at_0 = {CONVENTIONAL, 0, 2, WB};
    struct boot_mem region[3];
    struct memmap m = {.region = region, .max = 2};
    struct memmap_error error;

    (void)state;
    assert_int_equal(convert(rows, 3, 40, &m, &error), E_NOMEM);
    m.max = 3;
    assert_int_equal(convert(rows, 3, 40, &m, &error), OK);
    /* Splitting page 0 off must not go beyond the end either. */
    m.max = 1;
    assert_int_equal(convert(&at_0, 1, 40, &m, &error), E_NOMEM);
}

static void test_claim(void **state)
{
    static const struct efi_row rows[] = {{CONVENTIONAL, 0x10000, 0x10, WB}, {MMIO, 0x20000, 1, 1}};
    static const struct boot_mem want[] = {
        {0x10000, 0x3000, BOOT_MEM_LINTEL, BOOT_CACHE_WB},
        {0x13000, 0xb000, BOOT_MEM_USABLE, BOOT_CACHE_WB},
        {0x1e000, 0x2000, BOOT_MEM_MODULE, BOOT_CACHE_WB},
        {0x20000, 0x1000, BOOT_MEM_MMIO, BOOT_CACHE_UC},
    };
    struct boot_mem region[8];
    struct memmap m = {.region = region, .max = 8};
    struct memmap_error error;

    (void)state;
    assert_int_equal(convert(rows, 2, 40, &m, &error), OK);
    assert_int_equal(memmap_claim(&m, 0x10000, 0x1000, BOOT_MEM_LINTEL), OK);
    assert_int_equal(memmap_claim(&m, 0x1e000, 0x2000, BOOT_MEM_MODULE), OK);
    assert_int_equal(memmap_claim(&m, 0x12000, 0x1000, BOOT_MEM_LINTEL), OK); /* leaves a hole */
    assert_int_equal(m.count, 6);
    assert_int_equal(memmap_claim(&m, 0x11000, 0x1000, BOOT_MEM_LINTEL), OK); /* closes it */
    check_regions(&m, want, ARRAY_LEN(want));
    assert_int_equal(memmap_bytes(&m, BOOT_MEM_USABLE), 0xb000);
    assert_true(memmap_is_ram(&m.region[0]));
    assert_false(memmap_is_ram(&m.region[3]));
}

static void test_confine(void **state)
{
    static const struct efi_row rows[] = {
        {CONVENTIONAL, 0x10000, 0x10, WB}, {CONVENTIONAL, 0x40000, 1, WB}, {MMIO, 0x41000, 1, 1}};
    static const struct boot_mem want[] = {
        {0x10000, 0x1000, BOOT_MEM_RESERVED, BOOT_CACHE_WB},
        {0x11000, 0x1000, BOOT_MEM_LINTEL, BOOT_CACHE_WB},
        {0x12000, 0x6000, BOOT_MEM_USABLE, BOOT_CACHE_WB},
        {0x18000, 0x8000, BOOT_MEM_RESERVED, BOOT_CACHE_WB},
        {0x40000, 0x1000, BOOT_MEM_RESERVED, BOOT_CACHE_WB},
        {0x41000, 0x1000, BOOT_MEM_MMIO, BOOT_CACHE_UC},
    };
    struct boot_mem region[8];
    struct memmap m = {.region = region, .max = 8};
    struct memmap_error error;

    (void)state;
    assert_int_equal(convert(rows, 3, 40, &m, &error), OK);
    assert_int_equal(memmap_claim(&m, 0x11000, 0x1000, BOOT_MEM_LINTEL), OK);
    assert_int_equal(memmap_confine(&m, 0x11000, 0x2000), E_NOENT); /* not all of it is free */
    assert_int_equal(memmap_bytes(&m, BOOT_MEM_USABLE), 0x10000);
    assert_int_equal(memmap_confine(&m, 0x12000, 0x6000), OK);
    check_regions(&m, want, ARRAY_LEN(want));
    /* What is reserved already and what becomes so are one. */
    assert_int_equal(memmap_confine(&m, 0x13000, 0x1000), OK);
    assert_int_equal(m.count, 7);
    assert_int_equal(m.region[4].base, 0x14000);
    assert_int_equal(m.region[4].len, 0xc000);
}

static void test_claim_refused(void **state)
{
    static const struct efi_row rows[] = {{CONVENTIONAL, 0x10000, 0x10, WB}, {MMIO, 0x20000, 1, 1}};
    static const struct {
        u64 base, len;
    } claims[] = {
        {0xf000, 0x2000},   {0x1f000, 0x2000},  {0x20000, 0x1000},       {0x30000, 0x1000},
        {0x10000, 0},       {0x10800, 0x1000},  {0x10000, 0x800},        {0x11000, 0 - 0x1000ull},
        {0x10000, 0x11000}, {BIT(63), BIT(63)}, {0 - 0x1000ull, 0x1000},
    };
    struct boot_mem region[4];
    struct memmap m = {.region = region, .max = 4};
    struct memmap_error error;

    (void)state;
    assert_int_equal(convert(rows, 2, 40, &m, &error), OK);
    for (size_t i = 0; i < ARRAY_LEN(claims); i++)
        assert_int_equal(memmap_claim(&m, claims[i].base, claims[i].len, BOOT_MEM_LINTEL), E_NOENT);
    /* Behind the last region there is nothing, not even memory to read. */
    struct boot_mem exact[2] = {region[0], region[1]};
    struct memmap full = {.region = exact, .max = 2, .count = 2};

    assert_int_equal(memmap_claim(&full, 0x30000, 0x1000, BOOT_MEM_LINTEL), E_NOENT);
    m.max = 3;
    assert_int_equal(memmap_claim(&m, 0x12000, 0x1000, BOOT_MEM_LINTEL), E_NOMEM);
    assert_int_equal(m.count, 2);
    assert_int_equal(m.region[0].len, 0x10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_maps),  cmocka_unit_test(test_bad_maps),
        cmocka_unit_test(test_bad_shapes), cmocka_unit_test(test_too_many_regions),
        cmocka_unit_test(test_claim),      cmocka_unit_test(test_claim_refused),
        cmocka_unit_test(test_confine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
