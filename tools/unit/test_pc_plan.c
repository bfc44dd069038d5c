/* boot/pc/pc_plan.c: a guest of the configuration, its image and what a firmware leaves. */
#include "abi/flat.h"
#include "boot/load/plan.h"
#include "boot/pc/acpi_build.h"
#include "boot/pc/pc_plan.h"
#include "boot/pc/smbios_build.h"
#include "load_check.h"
#include "pc.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EBDA     0x9fc00u
#define EBDA_KIB 1u

static struct load_plan plan;
static struct config_guest config;
static struct boot_module module[2];
static struct pc_guest guest;
static u8 image[PAGE_SIZE];

static void add_module(u32 n, const char *path, const void *data, u64 size)
{
    memcpy(module[n].path, path, strlen(path) + 1);
    module[n].base = (u64)data;
    module[n].size = size;
    guest.modules = n + 1;
}

static int begin(void **state)
{
    const struct flat_header header = {.magic = FLAT_MAGIC,
                                       .version = FLAT_VERSION,
                                       .entry = sizeof(header),
                                       .image_size = sizeof(image)};

    (void)state;
    memset(&plan, 0xa5, sizeof(plan));
    memset(image, 0, sizeof(image));
    memcpy(image, &header, sizeof(header));
    config =
        (struct config_guest){.memory = 64 * MiB, .vcpus = 1, .kernel = "k", .cmdline = "hello"};
    guest = (struct pc_guest){.config = &config,
                              .tsc_hz = 123456789,
                              .signature = 0x50654,
                              .features = 0x078bfbff,
                              .module = module};
    add_module(0, "other", image, 1);
    add_module(1, "k", image, sizeof(image));
    return 0;
}

static u32 word(u64 gpa)
{
    const u8 *at = load_check_bytes(&plan, gpa, 2);

    return at ? at[0] | (u32)at[1] << 8 : 0xdeadbeef;
}

static bool sums_to_zero(const u8 *at, size_t len)
{
    u8 sum = 0;

    for (size_t i = 0; at && i < len; i++)
        sum = (u8)(sum + at[i]);
    return at && sum == 0;
}

/* Of structure type `type`, the byte at `offset`; the strings behind each end with two zeroes. */
static u32 smbios_u32(u8 type, size_t offset)
{
    const u8 *at = load_check_bytes(&plan, SMBIOS_GUEST_BASE + 0x20, SMBIOS_GUEST_SIZE - 0x20);
    u32 value;

    assert_non_null(at);
    while (at[0] != type) {
        assert_int_not_equal(at[0], 127);
        for (at += at[1]; at[0] != 0 || at[1] != 0;)
            at++;
        at += 2;
    }
    memcpy(&value, at + offset, sizeof(value));
    return value;
}

static void test_what_firmware_leaves(void **state)
{
    (void)state;
    assert_int_equal(pc_plan(&guest, &plan), OK);
    assert_int_equal(plan.reason[0], 0);
    assert_memory_equal(load_check_bytes(&plan, ACPI_GUEST_BASE, 8), "RSD PTR ", 8);
    assert_true(sums_to_zero(load_check_bytes(&plan, ACPI_GUEST_BASE, 36), 36));
    assert_memory_equal(load_check_bytes(&plan, SMBIOS_GUEST_BASE, 5), "_SM3_", 5);
    assert_int_equal(smbios_u32(4, 8), 0x50654);
    assert_int_equal(smbios_u32(4, 12), 0x078bfbff);
    assert_int_equal(smbios_u32(4, 20) & 0xffff, 123); /* MHz */
    assert_int_equal(word(0x40e), EBDA >> 4);
    assert_int_equal(word(0x413), EBDA / KiB);
    assert_int_equal(word(EBDA), EBDA_KIB);
    assert_true(plan.scratch_used <= LOAD_SCRATCH_SIZE);
    for (u32 i = 0; i < plan.segments; i++)
        for (u32 j = 0; j < i; j++)
            assert_true(plan.segment[i].to.v + plan.segment[i].room <= plan.segment[j].to.v ||
                        plan.segment[j].to.v + plan.segment[j].room <= plan.segment[i].to.v);
}

/* As CPUID says it to them (vmm/policy/cpuid_topology.c). */
static void test_features_of_several(void **state)
{
    (void)state;
    config.vcpus = 2;
    assert_int_equal(pc_plan(&guest, &plan), OK);
    assert_int_equal(smbios_u32(4, 12), 0x178bfbff);
}

/* The tables of the most processors, with a bus. */
static void test_the_largest(void **state)
{
    (void)state;
    config.vcpus = CONFIG_VCPUS_MAX;
    memcpy(config.devices, "disk x", 7);
    config.memory = 5 * GiB;
    assert_int_equal(pc_plan(&guest, &plan), OK);
    assert_true(load_check_u32(&plan, ACPI_GUEST_BASE + 24) > ACPI_GUEST_BASE); /* XSDT */
    config.vcpus = CONFIG_VCPUS_MAX + 1;
    assert_int_equal(pc_plan(&guest, &plan), E_INVAL);
    assert_string_equal(plan.reason, "no ACPI tables for 9 vCPUs");
    assert_int_equal(plan.segments, 0);
}

static void test_the_image_knows_its_memory(void **state)
{
    static const u64 memory[] = {4 * MiB, 64 * MiB, 3 * GiB, 4 * GiB};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(memory); i++) {
        struct flat_start start;

        config.memory = memory[i];
        assert_int_equal(pc_plan(&guest, &plan), OK);
        memcpy(&start, load_check_bytes(&plan, plan.rdi, sizeof(start)), sizeof(start));
        assert_int_equal(start.memory, memory[i] - (MiB - EBDA));
        assert_int_equal(start.tsc_hz, 123456789);
        assert_int_equal(start.rsdp_gpa, ACPI_GUEST_BASE);
        assert_string_equal((const char *)load_check_bytes(&plan, start.cmdline_gpa, 6), "hello");
    }
}

/* A Multiboot image that wants to lie where a BIOS has its data: as it likes. */
static void test_an_image_below(void **state)
{
    const u32 header[] = {0x1badb002, BIT32(16),   0 - 0x1badb002u - BIT32(16), 0x400, 0x400, 0,
                          0,          0x400 + 0x40};

    (void)state;
    memset(image, 0xcc, sizeof(image)); /* not what a BIOS says */
    memcpy(image, header, sizeof(header));
    assert_int_equal(pc_plan(&guest, &plan), OK);
    assert_memory_equal(load_check_bytes(&plan, 0x400, 0x40), image, 0x40);
    assert_int_equal(word(EBDA), EBDA_KIB);
}

static void test_refusals(void **state)
{
    (void)state;
    memcpy(config.kernel, "no such file", 13);
    assert_int_not_equal(pc_plan(&guest, &plan), OK);
    assert_non_null(strstr(plan.reason, "no such file"));
    assert_int_equal(plan.segments, 0);
    memcpy(config.kernel, "k", 2);
    config.module_count = 1;
    memcpy(config.module[0].path, "other", 6);
    assert_int_equal(pc_plan(&guest, &plan), E_NOTSUP);
    assert_non_null(strstr(plan.reason, "takes no initrd and no module"));
}

/* A plan that is full has no place for tables. */
static void test_too_many_pieces(void **state)
{
    (void)state;
    assert_int_equal(pc_plan(&guest, &plan), OK);
    plan.segments = LOAD_SEGMENTS_MAX;
    assert_null(plan_firmware(&plan, "more", 0xd0000, 1));
    assert_non_null(strstr(plan.reason, "more"));
    assert_int_equal(pc_plan(&guest, &plan), OK);
    assert_null(plan_firmware(&plan, "much", 0xd0000, LOAD_SCRATCH_SIZE));
    assert_int_equal(pc_plan(&guest, &plan), OK);
    assert_null(plan_firmware(&plan, "tables again", ACPI_GUEST_BASE, 1));
    assert_int_equal(plan.segments, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_firmware_leaves, begin),
        cmocka_unit_test_setup(test_features_of_several, begin),
        cmocka_unit_test_setup(test_the_largest, begin),
        cmocka_unit_test_setup(test_the_image_knows_its_memory, begin),
        cmocka_unit_test_setup(test_an_image_below, begin),
        cmocka_unit_test_setup(test_refusals, begin),
        cmocka_unit_test_setup(test_too_many_pieces, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
