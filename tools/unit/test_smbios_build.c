/* The guest's SMBIOS tables: the entry point as Linux looks for it, a walk over the structures,
 * fields that follow the guest, and buffers that are too small.  tools/tests/test_guest_tables.py
 * has dmidecode read them. */
#include "boot/pc/smbios_build.h"
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static u8 buf[SMBIOS_GUEST_SIZE];
static size_t used;

static const struct smbios_guest small = {.cpus = 1,
                                          .signature = 0x12345678,
                                          .features = 0x9abcdef0,
                                          .tsc_hz = 1999999999,
                                          .rams = 1,
                                          .ram = {{0, 64 * MiB}}};

static void build(const struct smbios_guest *guest)
{
    memset(buf, 0xaa, sizeof(buf));
    used = smbios_build(buf, sizeof(buf), guest);
    assert_true(used > 0 && used <= sizeof(buf));
}

static u64 le(size_t at, size_t bytes)
{
    u64 v = 0;

    assert_true(at + bytes <= used);
    memcpy(&v, buf + at, bytes);
    return v;
}

/* The offset of the structure behind the one at `at`: behind two zero bytes. */
static size_t next(size_t at)
{
    at += le(at + 1, 1);
    while (le(at, 2) != 0)
        at++;
    return at + 2;
}

/* The offset of structure number `index` of a type; SIZE_MAX: there is none. */
static size_t find(u32 type, u32 index)
{
    size_t at = 0x20;

    while (le(at, 1) != 127) {
        if (le(at, 1) == type && index-- == 0)
            return at;
        at = next(at);
    }
    assert_int_equal(next(at), used);
    return type == 127 ? at : SIZE_MAX;
}

static void test_entry_point(void **state)
{
    u8 sum = 0;

    (void)state;
    build(&small);
    assert_memory_equal(buf, "_SM3_", 5);
    for (size_t i = 0; i < 24; i++)
        sum = (u8)(sum + buf[i]);
    assert_int_equal(sum, 0);
    assert_int_equal(le(6, 1), 24);
    assert_int_equal(le(7, 3), 0x000003); /* 3.0 */
    assert_int_equal(le(10, 1), 1);
    assert_int_equal(le(12, 4), used - 0x20);
    assert_int_equal(le(16, 8), 0xf0020);
    assert_int_equal(le(24, 8), 0);
}

static void test_structures(void **state)
{
    static const struct {
        u32 type, count, len;
    } rows[] = {{0, 1, 0x18},  {1, 1, 0x1b},  {2, 0, 0},     {3, 1, 0x16},  {4, 1, 0x30},
                {16, 1, 0x17}, {17, 1, 0x28}, {19, 1, 0x1f}, {32, 1, 0x0b}, {127, 1, 4}};

    (void)state;
    build(&small);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (u32 n = 0; n < rows[i].count; n++)
            assert_int_equal(le(find(rows[i].type, n) + 1, 1), rows[i].len);
        if (rows[i].type != 127)
            assert_int_equal(find(rows[i].type, rows[i].count), SIZE_MAX);
    }
    for (size_t one = 0x20; le(one, 1) != 127; one = next(one)) /* each handle once */
        for (size_t other = next(one); le(other, 1) != 127; other = next(other))
            assert_int_not_equal(le(one + 2, 2), le(other + 2, 2));
    assert_string_equal((const char *)buf + find(1, 0) + 0x1b, "Lintel");
    assert_string_equal((const char *)buf + find(1, 0) + 0x1b + 7, "Lintel virtual machine");
    assert_int_equal(le(find(1, 0) + 8, 8) | le(find(1, 0) + 16, 8), 0); /* UUID */
    assert_int_equal(le(find(0, 0) + 0x13, 1), 0x10);                    /* a virtual machine */
}

static void test_processors(void **state)
{
    (void)state;
    for (u32 cpus = 1; cpus <= CONFIG_VCPUS_MAX; cpus++) {
        struct smbios_guest guest = small;

        guest.cpus = cpus;
        build(&guest);

        const size_t at = find(4, 0);

        assert_int_equal(le(at + 8, 8), 0x9abcdef012345678);
        assert_int_equal(le(at + 0x14, 2), 1999);
        assert_int_equal(le(at + 0x23, 3), cpus * 0x010101);
        assert_int_equal(le(at + 0x26, 2), cpus > 1 ? 0x2c : 0x24);
        assert_int_equal(le(at + 0x2a, 6), cpus * 0x000100010001);
    }
}

/* Where the old fields get too small, the extended ones count. */
static void test_memory(void **state)
{
    static const struct {
        u64 low, high;
        struct {
            u32 type, index, at, bytes;
            u64 want;
        } fields[7];
    } rows[] = {
        {64 * MiB,
         0,
         {{16, 0, 0x07, 4, 0x10000},
          {16, 0, 0x0f, 8, 0},
          {17, 0, 0x0c, 2, 64},
          {17, 0, 0x1c, 4, 0},
          {19, 0, 0x04, 8, 0x0000ffff00000000},
          {19, 0, 0x0f, 8, 0},
          {19, 0, 0x17, 8, 0}}},
        {3 * GiB,
         29 * GiB - 2 * MiB, /* the largest size in steps of 2 MiB that fits 15 bits */
         {{16, 0, 0x07, 4, 0x1fff800},
          {17, 0, 0x0c, 2, 0x7ffe},
          {17, 0, 0x1c, 4, 0},
          {19, 0, 0x08, 4, 0x2fffff},
          {19, 1, 0x04, 4, 0x400000},
          {19, 1, 0x08, 4, 0x20ff7ff},
          {19, 1, 0x17, 8, 0}}},
        {3 * GiB,
         29 * GiB,
         {{16, 0, 0x07, 4, 0x2000000},
          {17, 0, 0x0c, 2, 0x7fff},
          {17, 0, 0x1c, 4, 0x8000},
          {19, 1, 0x04, 4, 0x400000},
          {19, 1, 0x08, 4, 0x20fffff},
          {19, 1, 0x0c, 2, 0x1000},
          {17, 0, 0x04, 2, 0x1000}}},
        {3 * GiB,
         4096 * GiB,
         {{16, 0, 0x07, 4, 0x80000000},
          {16, 0, 0x0f, 8, 4099 * GiB},
          {17, 0, 0x1c, 4, 4099 * 1024},
          {19, 1, 0x04, 8, 0xffffffffffffffff},
          {19, 1, 0x0f, 8, 4 * GiB},
          {19, 1, 0x17, 8, 4100 * GiB - 1},
          {19, 0, 0x08, 4, 0x2fffff}}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smbios_guest guest = small;

        guest.rams = rows[i].high ? 2 : 1;
        guest.ram[0].len = rows[i].low;
        guest.ram[1].base = 4 * GiB;
        guest.ram[1].len = rows[i].high;
        build(&guest);
        for (size_t f = 0; f < ARRAY_LEN(rows[i].fields); f++) {
            const size_t at = find(rows[i].fields[f].type, rows[i].fields[f].index);
            const u64 got = le(at + rows[i].fields[f].at, rows[i].fields[f].bytes);

            if (got != rows[i].fields[f].want)
                fail_msg("row %zu, field %zu: %#llx", i, f, (unsigned long long)got);
        }
    }
}

static void test_too_small(void **state)
{
    static u8 tight[SMBIOS_GUEST_SIZE], whole[SMBIOS_GUEST_SIZE];

    (void)state;
    build(&small);
    memcpy(whole, buf, used);
    for (size_t size = 0; size <= used + 8; size++) {
        memset(tight, 0xcc, used + 16);
        assert_int_equal(smbios_build(tight, size, &small), size < used ? 0 : used);
        for (size_t i = size; i < used + 16; i++)
            assert_int_equal(tight[i], 0xcc);
    }
    assert_memory_equal(tight, whole, used);
}

static void test_out_of_bounds(void **state)
{
    struct smbios_guest guest = small;

    (void)state;
    guest.cpus = 0;
    assert_int_equal(smbios_build(buf, sizeof(buf), &guest), 0);
    guest.cpus = CONFIG_VCPUS_MAX + 1;
    assert_int_equal(smbios_build(buf, sizeof(buf), &guest), 0);
    guest.cpus = 1;
    guest.rams = 0;
    assert_int_equal(smbios_build(buf, sizeof(buf), &guest), 0);
    guest.rams = SMBIOS_RAMS_MAX + 1;
    assert_int_equal(smbios_build(buf, sizeof(buf), &guest), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_point), cmocka_unit_test(test_structures),
        cmocka_unit_test(test_processors),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_too_small),   cmocka_unit_test(test_out_of_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
