/* vmx/mitigation.c and boot/models.c: processors of fifteen years and their plans, and what must
 * hold for any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tools/unit/mitigation_cpus.h"

/* Every bit by which a processor says that it does not have something. */
#define IMMUNE                                                                                     \
    (ARCH_CAP_RDCL_NO | ARCH_CAP_MDS_NO | ARCH_CAP_TAA_NO | CAPS_MMIO_NO | ARCH_CAP_RFDS_NO |      \
     ARCH_CAP_PBRSB_NO | ARCH_CAP_BHI_NO | ARCH_CAP_ITS_NO | ARCH_CAP_GDS_NO |                     \
     ARCH_CAP_IF_PSCHANGE_MC_NO)

static struct mitigation_plan make(const struct subject *s, bool on)
{
    const struct processor_model model = models_find(s->signature, s->hypervisor);
    struct mitigation_cpu cpu = s->bits;
    struct mitigation_plan plan;

    cpu.model = model.affected;
    cpu.known_model = model.known;
    mitigation_plan_make(&plan, &cpu, on);
    return plan;
}

static struct mitigation_plan plan_of(const struct subject *s)
{
    return make(s, true);
}

static const struct subject *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(cpus); i++)
        if (strcmp(cpus[i].name, name) == 0)
            return &cpus[i].cpu;
    fail_msg("no processor %s", name);
    return NULL;
}

static void every_processor(void **state)
{
    (void)state;
    assert_true(ARRAY_LEN(cpus) >= 60);
    for (size_t i = 0; i < ARRAY_LEN(cpus); i++) {
        const struct mitigation_plan plan = plan_of(&cpus[i].cpu);

        if (plan.flags != cpus[i].flags || plan.open != cpus[i].open)
            fail_msg("%s: flags %x, not %x; open %x, not %x", cpus[i].name, plan.flags,
                     cpus[i].flags, plan.open, cpus[i].open);
    }
}

/* The machine's own memory in a guest: then, and only then, MMIO stale data counts. */
static void device_memory(void **state)
{
    static const struct {
        const char *name;
        u32 more;
        u16 open;
    } rows[] = {
        {"Ice Lake-SP 8380", VERW, 0},   {"Ice Lake-SP 8380, OLD", 0, V(MMIO)},
        {"Tremont N5105", 0, 0},         {"Tiger Lake i7-1185G7", 0, 0},
        {"Sandy Bridge 2600K", 0, 0},    {"Sandy Bridge 2600K, OLD", 0, V(MMIO)},
        {"Sapphire Rapids 8480+", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct subject cpu = *find(rows[i].name);
        const struct mitigation_plan without = plan_of(&cpu);
        struct mitigation_plan with;

        cpu.bits.device_memory = true;
        with = plan_of(&cpu);
        assert_int_equal(with.flags, without.flags | rows[i].more);
        assert_int_equal(with.open, without.open | rows[i].open);
    }
}

static void threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cpus); i++) {
        struct subject cpu = cpus[i].cpu;
        u32 expected = cpus[i].flags;
        struct mitigation_plan plan;

        cpu.bits.smt = true;
        plan = plan_of(&cpu);
        if (plan.affected & (V(L1TF) | V(MDS) | V(TAA)))
            expected |= SMT;
        assert_int_equal(plan.flags, expected);
    }
}

static void spec_ctrl(void **state)
{
    (void)state;
    assert_int_equal(plan_of(find("Sandy Bridge 2600K, OLD")).spec_ctrl, 0);
    assert_int_equal(plan_of(find("Sandy Bridge 2600K")).spec_ctrl, SPEC_CTRL_IBRS);
    assert_int_equal(plan_of(find("Cascade Lake 8280")).spec_ctrl, SPEC_CTRL_IBRS);
    assert_int_equal(plan_of(find("Sapphire Rapids 8480+")).spec_ctrl,
                     SPEC_CTRL_IBRS | SPEC_CTRL_BHI_DIS_S);
}

/* What holds for any processor: it is asked for nothing that it does not have, and the parts of
 * the plan do not contradict each other. */
static void check(const struct subject *cpu)
{
    struct mitigation_plan plan = plan_of(cpu);
    const u32 edx = cpu->bits.leaf7_edx;

    assert_int_equal(plan.flags & ~plan.possible, 0);
    assert_int_equal(plan.open & ~plan.affected, 0);
    if (!(edx & IBRS))
        assert_int_equal(plan.spec_ctrl | (plan.flags & (MITIGATE_IBRS | MITIGATE_EIBRS)), 0);
    if (!(edx & IBRS) && !(cpu->bits.leaf_80000008_ebx & CPUID_80000008_EBX_IBPB))
        assert_false(plan.possible & MITIGATE_IBPB);
    if (!(edx & L1D))
        assert_false(plan.possible & MITIGATE_L1D_FLUSH);
    if (!(cpu->bits.leaf7_2_edx & BHI_CTRL))
        assert_false(plan.spec_ctrl & SPEC_CTRL_BHI_DIS_S);
    if (!(edx & MD_CLEAR) && !(cpu->bits.arch_caps & (ARCH_CAP_FB_CLEAR | ARCH_CAP_RFDS_CLEAR)))
        assert_false(plan.flags & MITIGATE_VERW);
    assert_false((plan.flags & MITIGATE_IBRS) && (plan.flags & MITIGATE_EIBRS));
    assert_false((plan.flags & MITIGATE_BHI_DIS_S) && (plan.flags & MITIGATE_BHB_LOOP));
    if (plan.affected & V(BTI)) /* something stands between the guest's RSB and ours */
        assert_true(plan.flags & (MITIGATE_EIBRS | MITIGATE_RSB));
    plan = make(cpu, false);
    assert_int_equal(plan.flags | plan.spec_ctrl, 0);
    assert_true(plan.off);
}

static u64 seed = 20261124;

static u64 random64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static struct subject random_cpu(void)
{
    const u64 r = random64();
    struct subject cpu = {
        .signature = (u32)(r & 0xf00f0ff) | (r >> 8 & 15 ? 6u << 8 : (u32)(r & 0xf00)),
        .hypervisor = (r >> 28 & 7) == 0,
        .bits =
            {
                .smt = r >> 31 & 1,
                .device_memory = r >> 32 & 1,
                .leaf7_ebx = (u32)random64(),
                .leaf7_edx = (u32)random64(),
                .leaf7_2_edx = (u32)random64(),
                .leaf_80000008_ebx = (u32)random64(),
                .arch_caps = random64() & random64(),
            },
    };

    return cpu;
}

static void any_processor(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cpus); i++)
        check(&cpus[i].cpu);
    for (u32 i = 0; i < 200000; i++) {
        const struct subject cpu = random_cpu();

        check(&cpu);
    }
}

/* The more a processor says that it is immune to, the less is done. */
static void immunity_adds_nothing(void **state)
{
    (void)state;
    for (u32 i = 0; i < 200000; i++) {
        struct subject cpu = random_cpu();
        const struct mitigation_plan before = plan_of(&cpu);
        struct mitigation_plan after;

        cpu.bits.arch_caps |= random64() & IMMUNE;
        after = plan_of(&cpu);
        assert_int_equal(after.flags & ~before.flags, 0);
        assert_int_equal(after.affected & ~before.affected, 0);
    }
}

/* Microcode closes holes and opens none. */
static void microcode_opens_nothing(void **state)
{
    (void)state;
    for (u32 i = 0; i < 200000; i++) {
        struct subject cpu = random_cpu();
        const struct mitigation_plan before = plan_of(&cpu);

        cpu.bits.leaf7_edx |= (u32)random64() & (NEW | SRBDS);
        cpu.bits.arch_caps |= random64() & (ARCH_CAP_FB_CLEAR | ARCH_CAP_GDS_CTRL);
        if (!(cpu.bits.arch_caps & ARCH_CAP_IBRS_ALL)) /* which brings vulnerabilities of its own */
            assert_int_equal(plan_of(&cpu).open & ~before.open, 0);
    }
}

/* A model that is not in the table gets at least what any known one with the same bits gets. */
static void unknown_gets_all(void **state)
{
    (void)state;
    for (u32 i = 0; i < 200000; i++) {
        struct subject cpu = random_cpu();
        struct mitigation_plan known, unknown;

        known = plan_of(&cpu);
        cpu.hypervisor = true;
        unknown = plan_of(&cpu);
        assert_int_equal(models_find(cpu.signature, true).known, 0);
        assert_int_equal(known.affected & ~(unknown.affected | V(SRBDS)), 0);
        assert_int_equal(known.flags & ~unknown.flags, 0);
    }
}

/* Each bit alone ends its vulnerability on a processor that has them all. */
static void each_immunity(void **state)
{
    static const struct {
        u64 caps;
        u16 ends;
    } rows[] = {
        {ARCH_CAP_RDCL_NO, V(L1TF)},
        {ARCH_CAP_MDS_NO, V(MDS)},
        {ARCH_CAP_TAA_NO, V(TAA)},
        {CAPS_MMIO_NO, V(MMIO)},
        {ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO, 0},
        {ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_PSDP_NO, 0},
        {ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO, 0},
        {ARCH_CAP_RFDS_NO, V(RFDS)},
        {ARCH_CAP_PBRSB_NO, V(PBRSB)},
        {ARCH_CAP_BHI_NO, V(BHI)},
        {ARCH_CAP_ITS_NO, V(ITS)},
        {ARCH_CAP_GDS_NO, V(GDS)},
        {ARCH_CAP_IF_PSCHANGE_MC_NO, V(ITLB)},
    };
    struct subject cpu = {.signature = SIGNATURE(0xfe, 0),
                          .bits = {.leaf7_ebx = RTM, .leaf7_edx = IBRS}};
    u16 all;

    (void)state;
    cpu.bits.arch_caps = ARCH_CAP_IBRS_ALL;
    all = plan_of(&cpu).affected;
    assert_int_equal(all, (BIT32(VULNERABILITIES) - 1) & ~V(SRBDS));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cpu.bits.arch_caps = ARCH_CAP_IBRS_ALL | rows[i].caps;
        assert_int_equal(plan_of(&cpu).affected, all & ~rows[i].ends);
    }
    cpu.bits.arch_caps = ARCH_CAP_IBRS_ALL;
    cpu.bits.leaf7_2_edx = BHI_CTRL;
    assert_int_equal(plan_of(&cpu).affected, all & ~V(ITS));
}

/* A processor may say that it has what its model has not. */
static void tells(void **state)
{
    struct subject cpu = *find("Sapphire Rapids 8480+");

    (void)state;
    cpu.bits.arch_caps = (cpu.bits.arch_caps & ~ARCH_CAP_RFDS_NO) | ARCH_CAP_RFDS_CLEAR;
    assert_int_equal(plan_of(&cpu).flags & VERW, VERW);
    cpu = *find("Sandy Bridge 2600K");
    assert_false(plan_of(&cpu).affected & V(RSBA));
    cpu.bits.arch_caps = ARCH_CAP_RSBA;
    assert_true(plan_of(&cpu).affected & V(RSBA));
}

/* Every vulnerability is in one of the three texts, with a reason, and no text is cut. */
static void texts(void **state)
{
    (void)state;
    for (u32 i = 0; i < 20000; i++) {
        const struct subject cpu = i < ARRAY_LEN(cpus) ? cpus[i].cpu : random_cpu();
        struct mitigation_plan plan;
        char text[MITIGATION_STATES][MITIGATION_TEXT_MAX];

        plan = make(&cpu, i % 4 != 3);
        for (u32 s = 0; s < MITIGATION_STATES; s++) {
            mitigation_text(&plan, (enum mitigation_state)s, text[s]);
            assert_true(strlen(text[s]) < MITIGATION_TEXT_MAX - 1);
        }
        for (u32 v = 0; v < VULNERABILITIES; v++) {
            char item[100];

            snprintf(item, sizeof(item), " %s (%s)", vulnerability_name(v),
                     mitigation_reason(&plan, v));
            assert_int_equal(!!strstr(text[MITIGATION_OPEN], item), plan.open >> v & 1);
            assert_int_equal(!!strstr(text[MITIGATION_ON], item),
                             (plan.affected & ~plan.open) >> v & 1);
            assert_int_equal(!!strstr(text[MITIGATION_NOT_AFFECTED], item),
                             !(plan.affected >> v & 1));
        }
    }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(mitigation_name(MITIGATE_L1D_FLUSH), "L1D_FLUSH");
    assert_string_equal(mitigation_name(MITIGATE_BHB_LOOP), "BHB_LOOP");
    assert_string_equal(mitigation_name(MITIGATE_SMT_WARN), "SMT_WARN");
    assert_string_equal(mitigation_name(MITIGATIONS_ALL + 1), "?");
    for (u32 flag = 1; flag & MITIGATIONS_ALL; flag <<= 1)
        assert_string_not_equal(mitigation_name(flag), "?");
    assert_string_equal(vulnerability_name(VULN_ITLB), "ITLB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_processor),
        cmocka_unit_test(device_memory),
        cmocka_unit_test(threads),
        cmocka_unit_test(spec_ctrl),
        cmocka_unit_test(any_processor),
        cmocka_unit_test(immunity_adds_nothing),
        cmocka_unit_test(microcode_opens_nothing),
        cmocka_unit_test(unknown_gets_all),
        cmocka_unit_test(each_immunity),
        cmocka_unit_test(tells),
        cmocka_unit_test(texts),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
