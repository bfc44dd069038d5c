/* boot/caps.c and boot/wishes.c against the recorded models, and against models with one thing
 * taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "boot/caps.h"
#include "boot/wishes.h"
#include "tools/recorded/bochs_models.h"
#include "vmx/delivery.h"

struct machine {
    u64 feature_control;
    u64 msr[20];
    u32 reads[20];
};

static u64 machine_rdmsr(void *ctx, u32 msr)
{
    struct machine *m = ctx;

    if (msr == MSR_FEATURE_CONTROL)
        return m->feature_control;
    assert_in_range(msr, VMX_MSR_FIRST, VMX_MSR_LAST);
    m->reads[msr - VMX_MSR_FIRST]++;
    return m->msr[msr - VMX_MSR_FIRST];
}

static struct machine machine_of(const char *name)
{
    struct machine m = {0};

    for (size_t i = 0; i < ARRAY_LEN(bochs_models); i++)
        if (strcmp(bochs_models[i].name, name) == 0)
            memcpy(m.msr, bochs_models[i].msr, sizeof(m.msr));
    assert_int_not_equal(m.msr[0], 0);
    return m;
}

static u32 missing(const struct vmx_caps *caps, const char **first)
{
    u32 n = 0;
    const char *what;

    *first = NULL;
    for (u32 i = 0; (what = vmx_caps_missing(caps, &i)); n++)
        if (!*first)
            *first = what;
    return n;
}

static bool has_control(const struct vmx_controls *c, enum vmx_word word, u64 bits)
{
    return (c->word[word].value & bits) == bits;
}

static void every_model_resolves(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bochs_models); i++) {
        struct machine m = machine_of(bochs_models[i].name);
        struct vmx_caps caps;
        struct vmx_controls c;
        const char *first;

        vmx_caps_collect(&caps, machine_rdmsr, &m);
        assert_int_equal(missing(&caps, &first), 0);
        assert_int_equal(vmx_resolve_controls(&caps, &c), OK);
        for (u32 w = 0; w < VMX_WORDS; w++) {
            const struct ctl_cap cap = vmx_cap_controls(&caps, (enum vmx_word)w);

            assert_int_equal(c.word[w].value & ~cap.may1, 0);
            assert_int_equal(cap.must1 & ~c.word[w].value, 0);
        }
        assert_true(has_control(&c, WORD_CPU2, CPU2_EPT | CPU2_VPID | CPU2_UNRESTRICTED_GUEST));
        /* Not on all of them: these come from the wish to have them, not from luck. */
        assert_int_equal(has_control(&c, WORD_CPU2, CPU2_INVPCID), i >= 2);
        assert_int_equal(has_control(&c, WORD_CPU2, CPU2_XSAVES), i >= 4);
        assert_false(has_control(&c, WORD_CPU, CPU_CR3_LOAD_EXITING));
        assert_false(has_control(&c, WORD_CPU, CPU_INTERRUPT_WINDOW_EXITING));
        assert_true(has_control(&c, WORD_CPU, CPU_CR8_LOAD_EXITING | CPU_CR8_STORE_EXITING));
    }
}

static bool delivers_interrupts(const struct vmx_caps *caps)
{
    struct vmx_controls c;
    struct vmx_facts facts;

    (void)vmx_resolve_controls(caps, &c); /* some lack what Lintel needs */
    vmx_facts_make(&facts, caps, &c);
    return facts.delivers_interrupts;
}

/* All of it or none: CR8 may run free only if it is the virtual TPR. */
static void interrupts_by_the_processor(void **state)
{
    static const struct {
        u32 index;
        u64 clear;
    } needs[] = {
        {0xe, (u64)CPU_TPR_SHADOW << 32},
        {0xb, (u64)CPU2_VIRTUALIZE_APIC_ACCESSES << 32},
        {0xb, (u64)CPU2_VIRTUAL_INTERRUPT_DELIVERY << 32},
        {0xb, (u64)CPU2_VIRTUALIZE_X2APIC_MODE << 32},
    };
    static const char *const without[] = {"corei7_sandy_bridge_2600k", "corei3_cnl"};
    struct machine m = machine_of("corei7_skylake_x");
    struct vmx_caps caps;

    (void)state;
    vmx_caps_collect(&caps, machine_rdmsr, &m);
    assert_true(delivers_interrupts(&caps));
    assert_int_equal(vmx_delivery_controls(WORD_CPU, 0xb6186dfa, VMX_APIC_OFF), 0xb6206dfa);
    assert_int_equal(vmx_delivery_controls(WORD_CPU, 0xb6186dfa, VMX_APIC_IN_MSRS), 0xb6206dfa);
    assert_int_equal(vmx_delivery_controls(WORD_CPU2, 0x1010ea, VMX_APIC_IN_MEMORY), 0x1012eb);
    assert_int_equal(vmx_delivery_controls(WORD_CPU2, 0x1012eb, VMX_APIC_IN_MSRS), 0x1012fa);
    assert_int_equal(vmx_delivery_controls(WORD_CPU2, 0x1012fa, VMX_APIC_OFF), 0x1012ea);
    assert_int_equal(vmx_delivery_controls(WORD_PIN, 0x7f, VMX_APIC_IN_MSRS), 0x7f);
    for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
        m = machine_of("corei7_skylake_x");
        m.msr[needs[i].index] &= ~needs[i].clear;
        vmx_caps_collect(&caps, machine_rdmsr, &m);
        assert_false(delivers_interrupts(&caps));
    }
    m = machine_of("corei7_skylake_x");
    m.msr[0xe] |= CPU_CR8_LOAD_EXITING; /* cannot be 0 */
    vmx_caps_collect(&caps, machine_rdmsr, &m);
    assert_false(delivers_interrupts(&caps));
    m = machine_of("corei7_skylake_x");
    m.msr[0xb] |= CPU2_VIRTUALIZE_APIC_ACCESSES; /* the same, in x2APIC mode */
    vmx_caps_collect(&caps, machine_rdmsr, &m);
    assert_false(delivers_interrupts(&caps));
    for (size_t i = 0; i < ARRAY_LEN(without); i++) {
        m = machine_of(without[i]);
        vmx_caps_collect(&caps, machine_rdmsr, &m);
        assert_false(delivers_interrupts(&caps));
    }
}

static void the_values_on_skylake_x(void **state)
{
    (void)state;
    struct machine m = machine_of("corei7_skylake_x");
    struct vmx_caps caps;
    struct vmx_controls c;

    vmx_caps_collect(&caps, machine_rdmsr, &m);
    assert_int_equal(vmx_cap_revision(&caps), 0x2b);
    assert_int_equal(vmx_resolve_controls(&caps, &c), OK);
    assert_int_equal(c.word[WORD_PIN].value, 0x7f);
    assert_int_equal(c.word[WORD_CPU].value, 0xb6186dfa);
    assert_int_equal(c.word[WORD_CPU2].value, 0x1010ea);
    assert_int_equal(c.word[WORD_CPU3].value, 0);
    assert_int_equal(c.word[WORD_VMEXIT].value, 0x7fefff);
    assert_int_equal(c.word[WORD_VMENTRY].value, 0xd1ff);
    assert_int_equal(c.word[WORD_CPU2].without, CPU2_ENCLS_EXITING | CPU2_ENCLV_EXITING);
}

/* An MSR is read only if the ones before say that it exists: RDMSR of another faults. */
static void reads_only_what_exists(void **state)
{
    static const struct {
        u32 index;     /* of the MSR changed */
        u64 clear;     /* bits taken away */
        u32 unread[5]; /* indices that must then not be read; 0 ends */
    } cases[] = {
        {0, VMX_BASIC_TRUE_CTLS, {0xd, 0xe, 0xf, 0x10}},
        {2, (u64)CPU_SECONDARY_CONTROLS << 32, {0xb, 0xc, 0x11}},
        {0xb, (u64)(CPU2_EPT | CPU2_VPID) << 32, {0xc}},
        {0xb, (u64)CPU2_EPT << 32, {0}},
        {0xb, (u64)CPU2_VM_FUNCTIONS << 32, {0x11}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct machine m = machine_of("tigerlake");
        struct vmx_caps caps;

        m.msr[cases[i].index] &= ~cases[i].clear;
        vmx_caps_collect(&caps, machine_rdmsr, &m);
        for (u32 r = 0; r < 20; r++) {
            bool expect = r != 0x12 && r != 0x13; /* no tertiary, no secondary exit controls here */

            for (u32 u = 0; cases[i].unread[u]; u++)
                expect = expect && r != cases[i].unread[u];
            assert_int_equal(m.reads[r], expect);
            assert_int_equal(caps.msr[r], expect ? m.msr[r] : 0);
        }
        assert_int_equal(vmx_cap_controls(&caps, WORD_CPU).must1, (u32)m.msr[i == 0 ? 2 : 0xe]);
    }
}

static void reads_the_new_words_where_they_exist(void **state)
{
    (void)state;
    struct machine m = machine_of("tigerlake");
    struct vmx_caps caps;

    m.msr[2] |= (u64)CPU_TERTIARY_CONTROLS << 32;
    m.msr[3] |= (u64)VMEXIT_SECONDARY_CONTROLS << 32;
    m.msr[0x12] = 0x1f;
    m.msr[0x13] = 0x3;
    vmx_caps_collect(&caps, machine_rdmsr, &m);
    assert_int_equal(vmx_cap(&caps, MSR_VMX_PROCBASED_CTLS3), 0x1f);
    assert_int_equal(vmx_cap(&caps, MSR_VMX_EXIT_CTLS2), 0x3);
    assert_int_equal(vmx_cap_controls(&caps, WORD_CPU3).may1, 0x1f);
}

static void one_thing_missing_is_named(void **state)
{
    static const struct {
        u32 index;
        u64 clear, set;
        const char *word; /* part of the message */
    } cases[] = {
        {0, 0xfull << 50, 0, "write-back"},
        {0, 0x1fffull << 32, 0, "one page"},
        {0, 0x1fffull << 32, 0x1001ull << 32, "one page"},
        {0, 0, VMX_BASIC_PHYS_32BIT, "4 GiB"},
        {5, VMX_MISC_ACTIVITY_HLT, 0, "HLT"},
        {0xc, EPT_VPID_WALK_4, 0, "4 levels"},
        {0xc, EPT_VPID_WB, 0, "EPT structures"},
        {0xc, EPT_VPID_2M, 0, "2 MiB"},
        {0xc, EPT_VPID_INVEPT_SINGLE, 0, "INVEPT, single"},
        {0xc, EPT_VPID_INVEPT_ALL, 0, "INVEPT, all"},
        {0xc, EPT_VPID_INVVPID, 0, "INVVPID"},
        {0xc, EPT_VPID_INVVPID_SINGLE, 0, "INVVPID"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct machine m = machine_of("corei7_sandy_bridge_2600k");
        struct vmx_caps caps;
        const char *first;

        m.msr[cases[i].index] = (m.msr[cases[i].index] & ~cases[i].clear) | cases[i].set;
        vmx_caps_collect(&caps, machine_rdmsr, &m);
        assert_int_equal(missing(&caps, &first), 1);
        assert_non_null(strstr(first, cases[i].word));
    }
}

static void firmware_lock(void **state)
{
    static const struct {
        u64 feature_control;
        u32 missing;
    } cases[] = {{0, 0}, {5, 0}, {4, 0}, {7, 0}, {1, 1}, {3, 1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct machine m = machine_of("corei3_cnl");
        struct vmx_caps caps;
        const char *first;

        m.feature_control = cases[i].feature_control;
        vmx_caps_collect(&caps, machine_rdmsr, &m);
        assert_int_equal(missing(&caps, &first), cases[i].missing);
    }
}

struct lines {
    char text[VMX_WORDS][512];
    bool ok[VMX_WORDS];
    u32 count;
};

static void keep_line(void *ctx, bool ok, const char *text)
{
    struct lines *l = ctx;

    assert_true(l->count < VMX_WORDS);
    l->ok[l->count] = ok;
    assert_true(strlen(text) < sizeof(l->text[0]));
    strcpy(l->text[l->count++], text);
}

static void report_names_what_lacks(void **state)
{
    (void)state;
    struct machine m = machine_of("corei7_haswell_4770");
    struct vmx_caps caps;
    struct vmx_controls c;
    struct lines l = {0};

    m.msr[0xb] &= ~((u64)CPU2_UNRESTRICTED_GUEST << 32);
    m.msr[0xe] &= ~((u64)(CPU_HLT_EXITING | CPU_NMI_WINDOW_EXITING) << 32);
    m.msr[0xe] |= CPU_CR3_LOAD_EXITING;
    vmx_caps_collect(&caps, machine_rdmsr, &m);
    assert_int_equal(vmx_resolve_controls(&caps, &c), E_NOTSUP);
    vmx_report_controls(&c, keep_line, &l);
    assert_int_equal(l.count, VMX_WORDS);
    assert_string_equal(l.text[WORD_PIN], "pin controls ok");
    assert_true(l.ok[WORD_PIN]);
    assert_false(l.ok[WORD_CPU]);
    assert_string_equal(l.text[WORD_CPU],
                        "cpu controls not ok, needs HLT exiting, NMI-window exiting, "
                        "cannot clear CR3-load exiting");
    assert_string_equal(l.text[WORD_CPU2],
                        "secondary cpu controls not ok, needs unrestricted guest, "
                        "without ENCLS exiting, XSAVES/XRSTORS, ENCLV exiting");
}

static void names(void **state)
{
    char buf[64], tiny[8], one[1] = {'x'};

    (void)state;
    assert_true(vmx_control_names(WORD_CPU, CPU_HLT_EXITING | BIT(63) | BIT(5), buf, sizeof(buf)));
    assert_string_equal(buf, "bit 5, HLT exiting, bit 63");
    assert_true(vmx_control_names(WORD_PIN, 0, buf, sizeof(buf)));
    assert_string_equal(buf, "");
    assert_false(vmx_control_names(WORD_CPU, CPU_HLT_EXITING, tiny, sizeof(tiny)));
    assert_string_equal(tiny, "HLT exi");
    assert_true(vmx_control_names(WORD_CPU3, 0, one, 1));
    assert_int_equal(one[0], 0);
    assert_null(vmx_control_name(WORD_PIN, 1));
    assert_string_equal(vmx_control_name(WORD_VMENTRY, 9), "IA-32e mode guest");
    assert_string_equal(vmx_word_name(VMX_WORDS), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_resolves),
        cmocka_unit_test(interrupts_by_the_processor),
        cmocka_unit_test(the_values_on_skylake_x),
        cmocka_unit_test(reads_only_what_exists),
        cmocka_unit_test(reads_the_new_words_where_they_exist),
        cmocka_unit_test(one_thing_missing_is_named),
        cmocka_unit_test(firmware_lock),
        cmocka_unit_test(report_names_what_lacks),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
