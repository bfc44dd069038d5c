/* CPUID's topology for 1 to 8 processors: literally for some, and for all by the way that
 * software takes to the numbers (SDM Vol. 3A, "Hierarchical Mapping of CPUID Extended Topology
 * Leaf"). */
#include "arch/x86_64/cpuid_bits.h"
#include "boot/cpuid_table.h"
#include "vmm/policy/cpuid.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct cpuid_policy policy;

/* A host of four threads: L1 data, L1 code and L2 of a core with two threads, L3 of all. */
static struct cpuid_answer host(void *ctx, u32 leaf, u32 subleaf)
{
    static const u32 caches[] = {0x1c004121, 0x1c004122, 0x1c004143, 0x1c01c163};

    (void)ctx;
    switch (leaf) {
    case 0: return (struct cpuid_answer){.eax = 0x16};
    case 1: return (struct cpuid_answer){.ebx = 0x05080800, .edx = CPUID_1_EDX_HTT};
    case 4:
        return (struct cpuid_answer){.eax = subleaf < 4 ? caches[subleaf] : 0,
                                     .ebx = subleaf < 4 ? 0x01c0003f : 0};
    case 0xb: return (struct cpuid_answer){1, 2, 0x100, 5};
    default: return (struct cpuid_answer){0};
    }
}

static void build(u32 cpus)
{
    struct cpuid_policy machine;

    cpuid_policy_build(&machine, &(struct cpuid_source){.read = host});
    cpuid_policy_make(&policy, &machine, &(struct cpuid_guest){.cpus = cpus});
}

static struct cpuid_answer ask(u32 leaf, u32 subleaf, u32 apic_id)
{
    const struct cpuid_view view = {.apic_id = apic_id};
    u32 live;
    struct cpuid_answer a = *cpuid_find(&policy, leaf, subleaf, &live);

    cpuid_touch_up(&policy, live, &view, &a);
    return a;
}

static const struct {
    u32 cpus;
    u32 ids;  /* APIC IDs of the package */
    u32 bits; /* of an ID, below the package's */
} rows[] = {{1, 1, 0}, {2, 2, 1}, {3, 4, 2}, {4, 4, 2}, {5, 8, 3}, {6, 8, 3}, {7, 8, 3}, {8, 8, 3}};

static void test_signature(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        build(rows[i].cpus);
        for (u32 id = 0; id < rows[i].cpus; id++) {
            const struct cpuid_answer a = ask(1, 0, id);

            assert_int_equal(a.ebx, id << 24 | rows[i].ids << 16 | 0x0800);
            assert_int_equal(a.edx & CPUID_1_EDX_HTT, rows[i].cpus > 1 ? CPUID_1_EDX_HTT : 0);
        }
        assert_int_equal(ask(1, 0, 254).ebx >> 24, 254);
    }
}

static void test_caches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const u32 cores = (rows[i].ids - 1) << 26, threads = (rows[i].ids - 1) << 14;

        build(rows[i].cpus);
        assert_int_equal(ask(4, 0, 0).eax, 0x121 | cores);
        assert_int_equal(ask(4, 1, 0).eax, 0x122 | cores);
        assert_int_equal(ask(4, 2, 0).eax, 0x143 | cores);
        assert_int_equal(ask(4, 3, 0).eax, 0x163 | cores | threads);
        assert_int_equal(ask(4, 3, 0).ebx, 0x01c0003f);
        assert_int_equal(ask(4, 4, 0).eax, 0); /* the end of the list stays one */
    }
    build(8);
    assert_int_equal(ask(4, 3, 7).eax, 0x1c01c163); /* the same for all of them */
}

static void test_levels(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        build(rows[i].cpus);
        for (u32 id = 0; id < rows[i].cpus; id++) {
            const struct cpuid_answer thread = {0, 1, 0x100, id}, none = {0, 0, 2, id};
            const struct cpuid_answer core = {rows[i].bits, rows[i].cpus, 0x201, id};
            struct cpuid_answer a = ask(0xb, 0, id);

            assert_memory_equal(&a, &thread, sizeof(a));
            a = ask(0xb, 1, id);
            assert_memory_equal(&a, &core, sizeof(a));
            a = ask(0xb, 2, id);
            assert_memory_equal(&a, &none, sizeof(a));
            for (u32 sub = 3; sub < 70; sub++) { /* the ID is the same whatever ECX says */
                a = ask(0xb, sub, id);
                assert_int_equal(a.ecx & 0xff00, 0);
                assert_int_equal(a.edx, id);
            }
            a = ask(0xb, ~0u, id);
            assert_int_equal(a.edx, id);
        }
    }
}

/* What a kernel makes of it: a package, and a core and a thread in it, for each APIC ID. */
static void test_software_finds_one_package(void **state)
{
    (void)state;
    for (u32 cpus = 1; cpus <= 8; cpus++) {
        u32 seen = 0;

        build(cpus);
        for (u32 id = 0; id < cpus; id++) {
            const u32 x2apic_id = ask(0xb, 0, id).edx;
            const u32 smt_shift = ask(0xb, 0, id).eax & 31,
                      package_shift = ask(0xb, 1, id).eax & 31;

            assert_int_equal(x2apic_id >> package_shift, 0);
            assert_int_equal(x2apic_id & (BIT32(smt_shift) - 1), 0);
            seen |= BIT32(x2apic_id >> smt_shift);
        }
        assert_int_equal(seen, BIT32(cpus) - 1);
    }
}

/* Leaves that differ between processors are no leaves for the short way. */
static void test_the_short_way(void **state)
{
    (void)state;
    build(4);
    assert_null(cpuid_find_plain(&policy, 1));
    assert_null(cpuid_find_plain(&policy, 4));
    assert_null(cpuid_find_plain(&policy, 0xb));
    assert_non_null(cpuid_find_plain(&policy, 0));
    assert_non_null(cpuid_find_plain(&policy, 0x15));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature),     cmocka_unit_test(test_caches),
        cmocka_unit_test(test_levels),        cmocka_unit_test(test_software_finds_one_package),
        cmocka_unit_test(test_the_short_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
