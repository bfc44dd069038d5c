/* The CPUID policy on a processor that has everything, and on one that has little. */
#include "abi/kvm.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "boot/cpuid_table.h"
#include "config.h"
#include "pc.h"
#include "vmm/policy/cpuid.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static u32 pkru_size = 64;
static u32 compacted_size = 576 + 64 * 5; /* AVX, AVX-512 x 3, PKRU */

/* Every bit of every leaf is 1, but for what has to be a number. */
static struct cpuid_answer all_ones(void *ctx, u32 leaf, u32 subleaf)
{
    struct cpuid_answer a = {~0u, ~0u, ~0u, ~0u};

    (void)ctx;
    if (leaf == 0)
        a.eax = 0x20;
    if (leaf == 0x80000000)
        a.eax = 0x80000008;
    if (leaf == 0xd && subleaf == 1)
        a.ebx = compacted_size;
    if (leaf == 0xd && subleaf >= 2) { /* components of 64 bytes, one after another */
        a.eax = subleaf == 9 ? pkru_size : 64;
        a.ebx = 576 + 64 * (subleaf - 2);
        a.ecx = 0;
    }
    return a;
}

static struct cpuid_answer nothing(void *ctx, u32 leaf, u32 subleaf)
{
    (void)ctx, (void)subleaf;
    return (struct cpuid_answer){.eax = leaf == 0 ? 1 : 0};
}

static struct cpuid_policy policy, machine;

static void make(const struct cpuid_source *source, const struct cpuid_guest *guest)
{
    cpuid_policy_build(&machine, source);
    cpuid_policy_make(&policy, &machine, guest);
}

static void build(struct cpuid_answer (*read)(void *, u32, u32), bool controls)
{
    make(&(struct cpuid_source){.read = read,
                                .tsc_hz = 50000000,
                                .host_xcr0 = 0x2e7,
                                .rdtscp = controls,
                                .invpcid = controls,
                                .xsaves = controls},
         &(struct cpuid_guest){.cpus = 1, .paravirt = controls, .pv_eoi = controls});
}

static struct cpuid_answer ask(u32 leaf, u32 subleaf, u64 cr4, u64 xcr0)
{
    const struct cpuid_view view = {.cr4 = cr4, .xcr0 = xcr0};
    u32 live;
    struct cpuid_answer a = *cpuid_find(&policy, leaf, subleaf, &live);

    cpuid_touch_up(&policy, live, &view, &a);
    return a;
}

static void test_hides_what_a_guest_must_not_see(void **state)
{
    (void)state;
    build(all_ones, true);
    const struct cpuid_answer f1 = ask(1, 0, 0, 1), f7 = ask(7, 0, 0, 1);
    const u32 hidden_1_ecx =
        CPUID_1_ECX_VMX | CPUID_1_ECX_SMX | CPUID_1_ECX_MONITOR | CPUID_1_ECX_PDCM;
    const u32 hidden_1_edx =
        CPUID_1_EDX_MCE | CPUID_1_EDX_MCA | CPUID_1_EDX_ACPI | CPUID_1_EDX_HTT | CPUID_1_EDX_DS;

    assert_int_equal(f1.ecx & hidden_1_ecx, 0);
    assert_int_equal(f1.edx & hidden_1_edx, 0);
    assert_true(f1.ecx & CPUID_1_ECX_HYPERVISOR);
    assert_true(f1.edx & CPUID_1_EDX_APIC);
    assert_int_equal(ask(6, 0, 0, 1).eax, CPUID_6_EAX_ARAT);
    assert_int_equal(f7.ebx & (CPUID_7_EBX_SGX | CPUID_7_EBX_RTM | CPUID_7_EBX_HLE |
                               CPUID_7_EBX_INTEL_PT | CPUID_7_EBX_MPX | CPUID_7_EBX_RDT_M),
                     0);
    assert_int_equal(f7.ecx & (CPUID_7_ECX_LA57 | CPUID_7_ECX_CET_SS | CPUID_7_ECX_WAITPKG |
                               CPUID_7_ECX_ENQCMD | CPUID_7_ECX_PKS),
                     0);
    assert_int_equal(f7.edx & (CPUID_7_EDX_IBRS_IBPB | CPUID_7_EDX_ARCH_CAPABILITIES |
                               CPUID_7_EDX_CET_IBT | CPUID_7_EDX_PCONFIG | CPUID_7_EDX_AMX_TILE),
                     0);
    for (u32 leaf = 0; leaf < 0x20; leaf++) { /* leaves without a row are empty */
        static const u32 with_row[] = {0, 1, 2, 4, 6, 7, 0xb, 0xd, 0x15, 0x16};
        const struct cpuid_answer a = ask(leaf, 0, 0, 1);
        bool listed = leaf > 0x16; /* reads as leaf 0x16 */

        for (size_t i = 0; i < ARRAY_LEN(with_row); i++)
            listed |= leaf == with_row[i];
        if (!listed)
            assert_int_equal(a.eax | a.ebx | a.ecx | a.edx, 0);
    }
}

/* SMBIOS tables repeat leaf 1: the loader makes it of the machine's by pc.h alone. */
static void test_what_the_loader_tells(void **state)
{
    const struct cpuid_source source = {.read = all_ones, .tsc_hz = 50000000};
    u32 live;

    (void)state;
    for (u32 cpus = 1; cpus <= CONFIG_VCPUS_MAX; cpus++) {
        make(&source, &(struct cpuid_guest){.cpus = cpus});

        const struct cpuid_answer *a = cpuid_find(&policy, 1, 0, &live);

        assert_int_equal(a->eax, 0xffffffff);
        assert_int_equal(a->edx, PC_1_EDX | (cpus > 1 ? PC_1_EDX_HTT : 0));
    }
}

static void test_says_who_it_is(void **state)
{
    char name[13] = {0};

    (void)state;
    build(nothing, false);
    const struct cpuid_answer a = ask(0x40000000, 0, 0, 1);

    memcpy(name, &a.ebx, 4);
    memcpy(name + 4, &a.ecx, 4);
    memcpy(name + 8, &a.edx, 4);
    assert_string_equal(name, "LintelLintel");
    assert_int_equal(a.eax, 0x40000001);
    assert_int_equal(ask(0x40000050, 0, 0, 1).eax, 0);
    assert_int_equal(ask(0x40000100, 0, 0, 1).eax, ask(0x16, 0, 0, 1).eax);
}

static void test_kvms_interface_can_be_left_out(void **state)
{
    const u32 always = BIT32(1) | BIT32(3) | BIT32(5) | BIT32(24);
    const struct cpuid_source source = {.read = all_ones, .tsc_hz = 50000000};
    struct cpuid_guest guest = {.cpus = 1, .pv_eoi = true};

    (void)state;
    make(&source, &guest); /* above the maximum: the highest basic leaf */
    for (u32 leaf = 0x40000100; leaf < 0x40000200; leaf++)
        assert_int_equal(ask(leaf, 0, 0, 1).ebx, ask(0x16, 0, 0, 1).ebx);
    assert_int_equal(policy.kvm_features, 0);
    guest.paravirt = true;
    make(&source, &guest);
    assert_int_equal(policy.kvm_features, always | KVM_FEATURE_PV_EOI);
    assert_int_equal(ask(0x40000101, 7, 0, 1).eax, always | KVM_FEATURE_PV_EOI);
    assert_int_equal(ask(0x400000ff, 0, 0, 1).eax, 0);
    assert_int_equal(ask(0x40000102, 0, 0, 1).eax, 50);
    guest.pv_eoi = false;
    make(&source, &guest);
    assert_int_equal(policy.kvm_features, always);
    assert_int_equal(ask(0x40000101, 7, 0, 1).eax, always);
}

static void test_clock_leaves_are_true(void **state)
{
    (void)state;
    build(all_ones, true);
    const struct cpuid_answer a = ask(0x15, 0, 0, 1);

    assert_int_equal((u64)a.ecx * a.ebx / a.eax, 50000000);
    assert_int_equal(ask(0x16, 0, 0, 1).eax, 50);
    make(&(struct cpuid_source){.read = all_ones, .tsc_hz = 5000000000ull},
         &(struct cpuid_guest){.cpus = 1});
    const struct cpuid_answer fast = ask(0x15, 0, 0, 1);

    assert_int_equal((u64)fast.ecx * fast.ebx / fast.eax, 5000000000ull);
    assert_int_equal(ask(0x99, 3, 0, 1).eax, 5000); /* above the maximum: the highest basic leaf */
    assert_int_equal(ask(0x8000dead, 0, 0, 1).eax, 5000);
}

static void test_live_bits(void **state)
{
    (void)state;
    build(all_ones, true);
    assert_false(ask(1, 0, 0, 1).ecx & CPUID_1_ECX_OSXSAVE);
    assert_true(ask(1, 0, CR4_OSXSAVE, 1).ecx & CPUID_1_ECX_OSXSAVE);
    u32 live;
    struct cpuid_answer off = *cpuid_find(&policy, 1, 0, &live);
    assert_true(off.edx & CPUID_1_EDX_APIC);
    assert_true(off.ecx & CPUID_1_ECX_X2APIC);
    cpuid_touch_up(&policy, live, &(struct cpuid_view){.apic_off = true}, &off);
    assert_false(off.edx & CPUID_1_EDX_APIC);
    assert_false(ask(7, 0, 0, 1).ecx & CPUID_7_ECX_OSPKE);
    assert_true(ask(7, 0, CR4_PKE, 1).ecx & CPUID_7_ECX_OSPKE);
    assert_int_equal(policy.xcr0_mask, 0x2e7);
    assert_int_equal(ask(0xd, 0, 0, 1).ebx, 576);
    assert_int_equal(ask(0xd, 0, 0, 7).ebx, 576 + 64);
    assert_int_equal(ask(0xd, 0, 0, 0x207).ebx, 576 + 64 * 8); /* PKRU lies at its fixed offset */
    assert_int_equal(ask(0xd, 0, 0, 1).ecx, 576 + 64 * 8);
    assert_int_equal(ask(0xd, 1, 0, 0x207).ebx, 576 + 64 * 2); /* compacted */
    assert_int_equal(ask(0xd, 3, 0, 1).eax, 0);                /* MPX is not offered */
    assert_int_equal(ask(0xd, 64, 0, 1).eax, 0);
    assert_int_equal(ask(0xd, ~0u, 0, 1).eax, 0);
}

static void test_follows_the_controls(void **state)
{
    (void)state;
    build(all_ones, false);
    assert_false(ask(0x80000001, 0, 0, 1).edx & CPUID_80000001_EDX_RDTSCP);
    assert_false(ask(7, 0, 0, 1).ebx & CPUID_7_EBX_INVPCID);
    assert_false(ask(0xd, 1, 0, 1).eax & CPUID_D_1_EAX_XSAVES);
    build(all_ones, true);
    assert_true(ask(0x80000001, 0, 0, 1).edx & CPUID_80000001_EDX_RDTSCP);
    assert_true(ask(0xd, 1, 0, 1).eax & CPUID_D_1_EAX_XSAVES);
}

static void test_distrusts_a_wrong_compacted_format(void **state)
{
    const u32 good = compacted_size;

    (void)state;
    build(all_ones, true);
    assert_true(ask(0xd, 1, 0, 1).eax & CPUID_D_1_EAX_XSAVEC);
    compacted_size = good + 64;
    build(all_ones, true);
    compacted_size = good;
    assert_int_equal(ask(0xd, 1, 0, 1).eax, CPUID_D_1_EAX_XSAVEOPT | CPUID_D_1_EAX_XGETBV_1);
    assert_int_equal(ask(0xd, 1, 0, 7).ebx, 0);
}

static void test_drops_a_component_without_size(void **state)
{
    (void)state;
    pkru_size = 0;
    build(all_ones, true);
    pkru_size = 64;
    assert_int_equal(policy.xcr0_mask, 0xe7);
    assert_int_equal(ask(0xd, 0, 0, 1).eax, 0xe7);
    assert_int_equal(ask(0xd, 0, 0, 1).ecx, 576 + 64 * 6); /* ZMM's end, not PKRU's offset */
    assert_int_equal(ask(0xd, 9, 0, 1).ebx, 0);
    assert_false(ask(7, 0, CR4_PKE, 1).ecx & CPUID_7_ECX_PKU);
    assert_false(policy.cr4_mask & CR4_PKE);
    build(all_ones, true);
    assert_true(ask(7, 0, 0, 1).ecx & CPUID_7_ECX_PKU);
    assert_true(policy.cr4_mask & CR4_PKE);
}

static void test_cr4_follows_the_features(void **state)
{
    (void)state;
    build(all_ones, true);
    assert_true(policy.cr4_mask & CR4_SMEP);
    assert_true(policy.cr4_mask & CR4_UMIP);
    assert_false(policy.cr4_mask & (CR4_VMXE | CR4_SMXE | CR4_MCE | CR4_LA57 | CR4_CET | CR4_PKS));
    build(nothing, false);
    assert_int_equal(policy.cr4_mask, CR4_PCE);
    assert_int_equal(policy.xcr0_mask & ~XCR0_X87, 0);
}

/* A processor with XSAVE's components and one feature bit, which the context names. */
struct feature {
    u32 leaf, reg, bit; /* reg: 0 EAX to 3 EDX */
};

static struct cpuid_answer one_feature(void *ctx, u32 leaf, u32 subleaf)
{
    const struct feature *f = ctx;
    struct cpuid_answer a = all_ones(NULL, leaf, subleaf);

    if (leaf != f->leaf || subleaf != 0)
        return leaf == 1 || leaf == 7 ? (struct cpuid_answer){0} : a;
    u32 regs[4] = {0};

    regs[f->reg] = BIT32(f->bit);
    return (struct cpuid_answer){regs[0], regs[1], regs[2], regs[3]};
}

/* SDM Vol. 3A, "Control Registers": the feature that each bit of CR4 belongs to. */
static const struct {
    struct feature feature;
    u64 cr4;
} cr4_features[] = {
    {{1, 3, 1}, CR4_VME | CR4_PVI}, {{1, 3, 2}, CR4_DE},          {{1, 3, 3}, CR4_PSE},
    {{1, 3, 4}, CR4_TSD},           {{1, 3, 6}, CR4_PAE},         {{1, 3, 13}, CR4_PGE},
    {{1, 3, 24}, CR4_OSFXSR},       {{1, 3, 25}, CR4_OSXMMEXCPT}, {{1, 2, 17}, CR4_PCIDE},
    {{1, 2, 26}, CR4_OSXSAVE},      {{7, 1, 0}, CR4_FSGSBASE},    {{7, 1, 7}, CR4_SMEP},
    {{7, 1, 20}, CR4_SMAP},         {{7, 2, 2}, CR4_UMIP},        {{7, 2, 3}, CR4_PKE},
};

/* No other feature of these leaves gives a bit of CR4. */
static void test_every_cr4_bit(void **state)
{
    static const u32 leaves[] = {1, 7};
    u32 granted = 0;

    (void)state;
    for (u32 n = 0; n < ARRAY_LEN(leaves) * 4 * 32; n++) {
        struct feature f = {leaves[n / 128], n / 32 % 4, n % 32};
        u64 want = CR4_PCE;

        for (size_t i = 0; i < ARRAY_LEN(cr4_features); i++)
            if (memcmp(&cr4_features[i].feature, &f, sizeof(f)) == 0)
                want |= cr4_features[i].cr4;
        cpuid_policy_build(&policy, &(struct cpuid_source){.read = one_feature,
                                                           .ctx = &f,
                                                           .tsc_hz = 50000000,
                                                           .rdtscp = true,
                                                           .invpcid = true});
        if (policy.cr4_mask != want)
            fail_msg("leaf %u, register %u, bit %u: %#llx", f.leaf, f.reg, f.bit,
                     (unsigned long long)policy.cr4_mask);
        granted += want != CR4_PCE;
    }
    assert_int_equal(granted, ARRAY_LEN(cr4_features));
}

#define ONES 0xffffffffu

/* Every leaf on the processor whose bits are all 1, CR4 = 0, XCR0 = 1: a row wants its lines here.
 */
static const struct {
    u32 leaf, sub;
    struct cpuid_answer a;
} answers[] = {
    {0, 0, {0x16, ONES, ONES, ONES}},
    {1, 0, {ONES, 0x1ffff, 0xf7fa3203, 0x078bbb7f}},
    {2, 0, {ONES, ONES, ONES, ONES}},
    {4, 0, {0x3fff, ONES, ONES, ONES}},
    {4, 1, {0x3fff, ONES, ONES, ONES}},
    {4, 2, {0x3fff, ONES, ONES, ONES}},
    {4, 3, {0x3fff, ONES, ONES, ONES}},
    {4, 4, {0x3fff, ONES, ONES, ONES}},
    {6, 0, {4, 0, 0, 0}},
    {7, 0, {1, 0xf1bf27eb, 0x00405f4e, 0x410}},
    {7, 1, {0x30, 0, 0, 0}},
    {0xb, 0, {0, 1, 0x100, 0}},
    {0xb, 1, {0, 1, 0x201, 0}},
    {0xb, 2, {0, 0, 2, 0}},
    {0xd, 0, {0x2e7, 576, 576 + 64 * 8, 0}},
    {0xd, 1, {0xf, 576, 0, 0}},
    {0xd, 2, {64, 576, 0, 0}},
    {0xd, 5, {64, 576 + 64 * 3, 0, 0}},
    {0xd, 6, {64, 576 + 64 * 4, 0, 0}},
    {0xd, 7, {64, 576 + 64 * 5, 0, 0}},
    {0xd, 9, {64, 576 + 64 * 7, 0, 0}},
    {0x15, 0, {1, 1, 50000000, 0}},
    {0x16, 0, {50, 50, 0, 0}},
    {0x40000000, 0, {0x40000001, 0x746e694c, 0x694c6c65, 0x6c65746e}},
    {0x40000001, 0, {1, 0, 0, 0}},
    {0x40000100, 0, {0x40000101, 0x4b4d564b, 0x564b4d56, 0x4d}},
    {0x40000101, 0, {0x100006a, 0, 0, 0}},
    {0x80000000, 0, {0x80000008, ONES, ONES, ONES}},
    {0x80000001, 0, {ONES, 0, 0x121, 0x2c100800}},
    {0x80000002, 0, {ONES, ONES, ONES, ONES}},
    {0x80000003, 0, {ONES, ONES, ONES, ONES}},
    {0x80000004, 0, {ONES, ONES, ONES, ONES}},
    {0x80000006, 0, {ONES, ONES, ONES, ONES}},
    {0x80000007, 0, {0, 0, 0, 0x100}},
    {0x80000008, 0, {0xffff, 0, 0, 0}},
};

/* The line of a leaf, subleaf or not, NULL: there is none. */
static const struct cpuid_answer *listed(u32 leaf, u32 sub, bool *leaf_listed)
{
    const struct cpuid_answer *found = NULL;
    u32 subs = 0;

    *leaf_listed = false;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        if (answers[i].leaf != leaf)
            continue;
        *leaf_listed = true;
        subs++;
        if (answers[i].sub == sub)
            found = &answers[i].a;
    }
    for (size_t i = 0; i < ARRAY_LEN(answers) && subs == 1; i++) /* ECX does not count */
        if (answers[i].leaf == leaf)
            found = &answers[i].a;
    return found;
}

static void test_every_leaf(void **state)
{
    static const u32 first[] = {0, 0x40000000, 0x80000000, 0x40000100};
    static const u32 leaves[] = {0x17, 0x100, 9, 2};
    static const struct cpuid_answer none;
    bool leaf_listed;

    (void)state;
    build(all_ones, true);
    for (size_t f = 0; f < ARRAY_LEN(first); f++)
        for (u32 n = 0; n < leaves[f]; n++)
            for (u32 sub = 0; sub < 66; sub++) {
                const struct cpuid_answer *want = listed(first[f] + n, sub, &leaf_listed);
                const struct cpuid_answer got = ask(first[f] + n, sub, 0, 1);

                if (memcmp(&got, want ? want : &none, sizeof(got)) != 0)
                    fail_msg("leaf %#x.%u: %#x %#x %#x %#x", first[f] + n, sub, got.eax, got.ebx,
                             got.ecx, got.edx);
            }
}

static void test_every_row_has_its_lines(void **state)
{
    const struct cpuid_row *row;
    u32 leaves = 0, rows = 0;

    (void)state;
    for (; (row = cpuid_row(rows)); rows++) {
        bool leaf_listed;

        (void)listed(row->leaf, 0, &leaf_listed);
        if (!leaf_listed)
            fail_msg("leaf %#x", row->leaf);
        assert_true(rows == 0 || row->leaf > cpuid_row(rows - 1)->leaf);
        assert_non_null(row->name);
    }
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        leaves += i == 0 || answers[i].leaf != answers[i - 1].leaf;
    assert_int_equal(rows, leaves);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hides_what_a_guest_must_not_see),
        cmocka_unit_test(test_what_the_loader_tells),
        cmocka_unit_test(test_says_who_it_is),
        cmocka_unit_test(test_kvms_interface_can_be_left_out),
        cmocka_unit_test(test_clock_leaves_are_true),
        cmocka_unit_test(test_live_bits),
        cmocka_unit_test(test_follows_the_controls),
        cmocka_unit_test(test_distrusts_a_wrong_compacted_format),
        cmocka_unit_test(test_drops_a_component_without_size),
        cmocka_unit_test(test_cr4_follows_the_features),
        cmocka_unit_test(test_every_cr4_bit),
        cmocka_unit_test(test_every_leaf),
        cmocka_unit_test(test_every_row_has_its_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
