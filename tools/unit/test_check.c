/* tools/explain/check*.c: good images in five modes violate nothing; for every rule, a change
 * breaks that rule and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/cr.h"
#include "boot/wishes.h"
#include "tools/explain/check.h"
#include "tools/recorded/bochs_models.h"
#include "vmx/qual.h"

#define IX(name) VMCS_IX_##name

enum mode {
    LONG,
    REAL,
    PROTECTED,
    PAE,
    V8086,
    RESTRICTED /* long mode, no unrestricted guest */,
    MODES
};
enum segment { ES, CS, SS, DS, FS, GS, LDTR, TR };

static u64 model_rdmsr(void *ctx, u32 msr)
{
    const struct bochs_model *model = ctx;

    return msr < VMX_MSR_FIRST ? 0 : model->msr[msr - VMX_MSR_FIRST];
}

static void caps_of(struct vmx_caps *caps, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(bochs_models); i++) {
        struct bochs_model model = bochs_models[i];

        if (strcmp(model.name, name) == 0)
            vmx_caps_collect(caps, model_rdmsr, &model);
    }
}

/* A processor that can do nearly everything, so that a control can be set without also being
 * reserved. */
static void generous(struct vmx_caps *caps)
{
    static const u32 words[] = {MSR_VMX_PINBASED_CTLS,  MSR_VMX_TRUE_PINBASED_CTLS,
                                MSR_VMX_PROCBASED_CTLS, MSR_VMX_TRUE_PROCBASED_CTLS,
                                MSR_VMX_EXIT_CTLS,      MSR_VMX_TRUE_EXIT_CTLS,
                                MSR_VMX_ENTRY_CTLS,     MSR_VMX_TRUE_ENTRY_CTLS};

    caps_of(caps, "corei7_skylake_x");
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        caps->msr[words[i] - VMX_MSR_FIRST] |= 0x7fffffffull << 32;
    caps->msr[MSR_VMX_TRUE_PROCBASED_CTLS - VMX_MSR_FIRST] |= (u64)CPU_SECONDARY_CONTROLS << 32;
    caps->msr[MSR_VMX_PROCBASED_CTLS2 - VMX_MSR_FIRST] |= 0xdfffffffull << 32;
    caps->msr[MSR_VMX_PROCBASED_CTLS3 - VMX_MSR_FIRST] = 0xff;
    caps->msr[MSR_VMX_CR4_FIXED1 - VMX_MSR_FIRST] |= CR4_CET;
}

static void set_segment(struct vmcs_image *i, enum segment s, u64 sel, u64 base, u64 limit, u64 ar)
{
    i->field[IX(GUEST_ES_SEL) + s] = sel;
    i->field[IX(GUEST_ES_BASE) + s] = base;
    i->field[IX(GUEST_ES_LIMIT) + s] = limit;
    i->field[IX(GUEST_ES_AR) + s] = ar;
}

static void set_controls(struct vmcs_image *i)
{
    struct vmx_controls c;

    assert_int_equal(vmx_resolve_controls(i->caps, &c), OK);
    i->field[IX(PIN_CONTROLS)] = c.word[WORD_PIN].value;
    i->field[IX(CPU_CONTROLS)] = c.word[WORD_CPU].value;
    i->field[IX(CPU2_CONTROLS)] = c.word[WORD_CPU2].value;
    i->field[IX(EXIT_CONTROLS)] = c.word[WORD_VMEXIT].value;
    i->field[IX(ENTRY_CONTROLS)] = c.word[WORD_VMENTRY].value;
    i->field[IX(VPID)] = 1;
    i->field[IX(EPTP)] = 0x100000 | MEMORY_TYPE_WB | 3 << 3 | BIT(6);
    i->field[IX(IO_BITMAP_A)] = 0x101000;
    i->field[IX(IO_BITMAP_B)] = 0x102000;
    i->field[IX(MSR_BITMAP)] = 0x103000;
    i->field[IX(LINK_POINTER)] = UINT64_MAX;
}

static void set_host(struct vmcs_image *i)
{
    i->field[IX(HOST_CR0)] = CR0_PE | CR0_NE | CR0_WP | CR0_PG;
    i->field[IX(HOST_CR3)] = 0x104000;
    i->field[IX(HOST_CR4)] = CR4_PAE | CR4_VMXE;
    i->field[IX(HOST_EFER)] = EFER_LME | EFER_LMA | EFER_NXE;
    i->field[IX(HOST_PAT)] = 0x0007040600070406;
    i->field[IX(HOST_CS_SEL)] = 8;
    i->field[IX(HOST_SS_SEL)] = i->field[IX(HOST_DS_SEL)] = i->field[IX(HOST_ES_SEL)] = 16;
    i->field[IX(HOST_TR_SEL)] = 24;
    i->field[IX(HOST_GS_BASE)] = 0xffffffff80100000;
    i->field[IX(HOST_RIP)] = 0xffffffff80000000;
}

static struct vmcs_image image(const struct vmx_caps *caps, enum mode mode)
{
    struct vmcs_image i = {.caps = caps, .phys_bits = 40, .linear_bits = 48};
    const bool long_mode = mode == LONG || mode == RESTRICTED;
    const bool real = mode == REAL;

    set_controls(&i);
    set_host(&i);
    i.field[IX(GUEST_CR0)] = CR0_NE | CR0_WP | (real ? 0 : CR0_PE | CR0_PG);
    i.field[IX(GUEST_CR4)] = CR4_VMXE | (long_mode || mode == PAE ? CR4_PAE : 0);
    i.field[IX(GUEST_CR3)] = real ? 0 : 0x1000;
    i.field[IX(GUEST_DR7)] = DR7_INIT;
    i.field[IX(GUEST_PAT)] = 0x0007040600070406;
    i.field[IX(GUEST_RFLAGS)] = RFLAGS_FIXED_1 | RFLAGS_IF | (mode == V8086 ? RFLAGS_VM : 0);
    i.field[IX(GUEST_RIP)] = long_mode ? 0xffffffff81000000 : 0x7c00;
    i.field[IX(GUEST_GDTR_LIMIT)] = i.field[IX(GUEST_IDTR_LIMIT)] = 0xffff;
    if (long_mode) {
        i.field[IX(GUEST_EFER)] = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
        i.field[IX(ENTRY_CONTROLS)] |= VMENTRY_IA32E_MODE_GUEST;
    }
    if (mode == RESTRICTED)
        i.field[IX(CPU2_CONTROLS)] &= ~(u64)CPU2_UNRESTRICTED_GUEST;
    for (u32 s = ES; s <= GS; s++) {
        if (real)
            set_segment(&i, (enum segment)s, 0x100, 0x1000, 0xffff, s == CS ? 0x9b : 0x93);
        else if (mode == V8086)
            set_segment(&i, (enum segment)s, 0x100, 0x1000, 0xffff, 0xf3);
        else
            set_segment(&i, (enum segment)s, s == CS ? 8 : 16, 0, UINT32_MAX,
                        s != CS     ? 0xc093
                        : long_mode ? 0xa09b
                                    : 0xc09b);
    }
    set_segment(&i, LDTR, 0x20, 0, 0xffff, 0x82);
    set_segment(&i, TR, 0x18, 0, 0x67, 0x8b);
    return i;
}

struct seen {
    u32 count;
    const struct vmcs_rule *first;
};

static void note(void *ctx, const struct vmcs_rule *rule, const struct vmcs_image *i)
{
    struct seen *seen = ctx;

    (void)i;
    if (seen->count++ == 0)
        seen->first = rule;
    else
        print_message("    also: %s\n", rule->name);
}

static void good_images(void **state)
{
    (void)state;
    for (u32 m = 0; m < ARRAY_LEN(bochs_models) + 1; m++)
        for (u32 mode = 0; mode < MODES; mode++) {
            struct vmx_caps caps;
            struct vmcs_image i;
            struct seen seen = {0};

            if (m < ARRAY_LEN(bochs_models))
                caps_of(&caps, bochs_models[m].name);
            else
                generous(&caps);
            i = image(&caps, (enum mode)mode);
            if (!vmx_cap_ept_vpid(&caps, EPT_VPID_ACCESSED_DIRTY))
                i.field[IX(EPTP)] &= ~BIT(6);
            if (vmx_check_image(&i, note, &seen))
                fail_msg("model %u mode %u: %s", m, mode, seen.first->name);
        }
}

static const char *broken[400]; /* names of the rules that a case broke */
static u32 broken_count;

static void breaks(const struct vmcs_image *i, const char *rule)
{
    struct seen seen = {0};
    const u32 violated = vmx_check_image(i, note, &seen);

    if (violated != 1 || strcmp(seen.first->name, rule) != 0)
        fail_msg("\"%s\": %u violated, first \"%s\"", rule, violated,
                 violated ? seen.first->name : "none");
    assert_int_equal(vmx_check_image(i, NULL, NULL), 1);
    assert_true(broken_count < ARRAY_LEN(broken));
    broken[broken_count++] = rule;
}

struct change {
    u8 field;
    enum { END, SET, OR, CLEAR } how;
    u64 value;
};
#define SET(name, v)                                                                               \
    {                                                                                              \
        IX(name), SET, (v)                                                                         \
    }
#define OR(name, v)                                                                                \
    {                                                                                              \
        IX(name), OR, (v)                                                                          \
    }
#define CLEAR(name, v)                                                                             \
    {                                                                                              \
        IX(name), CLEAR, (v)                                                                       \
    }

#define INTR(type, vector) INTR_INFO_VALID | (u32)(type) << 8 | (vector)
#define GP_WITH_CODE       INTR(INTR_HARDWARE_EXCEPTION, 13) | INTR_INFO_ERROR_CODE

static const struct {
    const char *rule; /* NULL: the change is allowed */
    u8 mode;
    struct change change[6];
    u64 ept_vpid_absent; /* bits of IA32_VMX_EPT_VPID_CAP taken away */
} cases[] = {
#include "tools/unit/check_cases.def"
};

static void apply(struct vmcs_image *i, const struct change *c)
{
    switch (c->how) {
    case END: break;
    case SET: i->field[c->field] = c->value; break;
    case OR: i->field[c->field] |= c->value; break;
    case CLEAR: i->field[c->field] &= ~c->value; break;
    }
}

static void one_case_per_rule(void **state)
{
    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        struct vmx_caps caps;
        struct vmcs_image i;
        struct seen seen = {0};

        generous(&caps);
        caps.msr[MSR_VMX_EPT_VPID_CAP - VMX_MSR_FIRST] &= ~cases[n].ept_vpid_absent;
        i = image(&caps, (enum mode)cases[n].mode);
        for (size_t c = 0; c < ARRAY_LEN(cases[n].change); c++)
            apply(&i, &cases[n].change[c]);
        if (cases[n].rule)
            breaks(&i, cases[n].rule);
        else if (vmx_check_image(&i, note, &seen))
            fail_msg("case %zu is allowed, but breaks \"%s\"", n, seen.first->name);
    }
}

static const char *const segment_names[] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"};

/* breaks(), with the name put together; the names are the table's own. */
static void segment_breaks(const struct vmcs_image *i, u32 s, const char *what)
{
    const struct vmcs_rule *r;

    for (u32 n = 0; (r = vmx_check_rule(n)); n++) {
        const size_t len = strlen(segment_names[s]);

        if (strncmp(r->name, "guest ", 6) == 0 &&
            strncmp(r->name + 6, segment_names[s], len) == 0 && r->name[6 + len] == ' ' &&
            strcmp(r->name + 7 + len, what) == 0) {
            breaks(i, r->name);
            return;
        }
    }
    fail_msg("no rule \"guest %s %s\"", segment_names[s], what);
}

static void every_segment(void **state)
{
    static const struct {
        const char *what;
        enum mode mode;
        u32 segments; /* bit per segment */
        u32 array;    /* the ES field of four arrays */
        struct change change;
    } rows[] = {
        {"base in virtual-8086 mode", V8086, 0x3f, IX(GUEST_ES_BASE), {0, SET, 0x1010}},
        {"limit in virtual-8086 mode", V8086, 0x3f, IX(GUEST_ES_LIMIT), {0, SET, 0x1ffff}},
        {"access rights in virtual-8086 mode", V8086, 0x3f, IX(GUEST_ES_AR), {0, SET, 0x93}},
        {"access rights in virtual-8086 mode", V8086, 0x3f, IX(GUEST_ES_AR), {0, OR, BIT(16)}},
        {"S flag", LONG, 0x3f, IX(GUEST_ES_AR), {0, CLEAR, BIT(4)}},
        {"S flag", LONG, 0xc0, IX(GUEST_ES_AR), {0, OR, BIT(4)}},
        {"is present", LONG, 0xff, IX(GUEST_ES_AR), {0, CLEAR, BIT(7)}},
        {"reserved access rights", LONG, 0xff, IX(GUEST_ES_AR), {0, OR, BIT(8)}},
        {"reserved access rights", LONG, 0xff, IX(GUEST_ES_AR), {0, OR, BIT(11)}},
        {"reserved access rights", LONG, 0xff, IX(GUEST_ES_AR), {0, OR, BIT(31)}},
        {"granularity and limit", LONG, 0x3f, IX(GUEST_ES_AR), {0, CLEAR, BIT(15)}},
        {"granularity and limit", LONG, 0x3f, IX(GUEST_ES_LIMIT), {0, SET, 0xfffff7ff}},
        {"granularity and limit", LONG, 0xc0, IX(GUEST_ES_LIMIT), {0, SET, 0x100000}},
        {"granularity and limit", REAL, 0xc0, IX(GUEST_ES_LIMIT), {0, SET, 0x80000000}},
        {"selector is in the GDT", LONG, 0xc0, IX(GUEST_ES_SEL), {0, OR, 4}},
        {"base canonical", LONG, 0xf0, IX(GUEST_ES_BASE), {0, SET, BIT(47)}},
        {"base below 4 GiB", LONG, 0x0f, IX(GUEST_ES_BASE), {0, SET, BIT(32)}},
        {"type", LONG, 0x39, IX(GUEST_ES_AR), {0, CLEAR, 1}},    /* not accessed */
        {"type", LONG, 0x39, IX(GUEST_ES_AR), {0, SET, 0xc099}}, /* code that cannot be read */
        {"DPL", RESTRICTED, 0x39, IX(GUEST_ES_SEL), {0, OR, 1}},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++)
        for (u32 s = 0; s < 8; s++) {
            struct vmx_caps caps;
            struct vmcs_image i;
            struct change c = rows[n].change;

            if (!(rows[n].segments & BIT(s)))
                continue;
            generous(&caps);
            i = image(&caps, rows[n].mode);
            c.field = (u8)(rows[n].array + s);
            apply(&i, &c);
            segment_breaks(&i, s, rows[n].what);
        }
}

static void unusable_segments_are_not_judged(void **state)
{
    (void)state;
    for (u32 s = 0; s <= LDTR; s++) {
        struct vmx_caps caps;
        struct vmcs_image i;

        if (s == CS)
            continue;
        generous(&caps);
        i = image(&caps, LONG);
        set_segment(&i, (enum segment)s, 0, s >= FS && s != LDTR ? 0 : BIT(40), 0x12345678,
                    BIT(16) | 0xf00);
        assert_int_equal(vmx_check_image(&i, NULL, NULL), 0);
    }
}

/* Runs last: each rule was broken by some case, and names are unique. */
static void no_rule_without_a_case(void **state)
{
    const struct vmcs_rule *r, *other;

    (void)state;
    for (u32 n = 0; (r = vmx_check_rule(n)); n++) {
        bool found = false;

        for (u32 b = 0; b < broken_count; b++)
            found = found || strcmp(broken[b], r->name) == 0;
        if (!found)
            fail_msg("no case breaks \"%s\"", r->name);
        assert_true(r->field_count >= 1 && r->field_count <= ARRAY_LEN(r->field));
        for (u32 f = 0; f < r->field_count; f++)
            assert_true(r->field[f] < VMCS_FIELDS);
        for (u32 m = 0; m < n && (other = vmx_check_rule(m)); m++)
            assert_string_not_equal(r->name, other->name);
    }
}

static void five_levels_and_shadow_stacks(void **state)
{
    struct vmx_caps caps;
    struct vmcs_image i;

    (void)state;
    generous(&caps);
    caps.msr[MSR_VMX_EPT_VPID_CAP - VMX_MSR_FIRST] |= EPT_VPID_WALK_5 | EPT_VPID_SHADOW_STACK;
    i = image(&caps, LONG);
    i.field[IX(EPTP)] |= BIT(7);
    i.field[IX(EPTP)] = (i.field[IX(EPTP)] & ~0x38ull) | 4 << 3;
    assert_int_equal(vmx_check_image(&i, NULL, NULL), 0);
    i.field[IX(EPTP)] &= ~0x38ull; /* one level */
    breaks(&i, "EPTP page-walk length");
    i.field[IX(EPTP)] |= 4 << 3;
    i.linear_bits = 57;
    i.field[IX(GUEST_RIP)] = BIT(56) - 1;
    i.field[IX(GUEST_GDTR_BASE)] = BIT(47);
    assert_int_equal(vmx_check_image(&i, NULL, NULL), 0);
}

static void what_the_processor_lacks(void **state)
{
    struct vmx_caps caps;
    struct vmcs_image i;

    (void)state;
    caps_of(&caps, "corei7_skylake_x"); /* has no monitor trap flag, so no pending MTF to inject */
    i = image(&caps, LONG);
    i.field[IX(ENTRY_INTR_INFO)] = INTR(INTR_OTHER_EVENT, 0);
    breaks(&i, "injected event: type");

    generous(&caps);
    caps.msr[MSR_VMX_MISC - VMX_MSR_FIRST] &= ~(u64)VMX_MISC_ACTIVITY_SHUTDOWN;
    i = image(&caps, LONG);
    i.field[IX(GUEST_ACTIVITY)] = 2;
    breaks(&i, "activity state is supported");

    caps.msr[MSR_VMX_MISC - VMX_MSR_FIRST] |= VMX_MISC_ACTIVITY_WAIT_SIPI << 1; /* no state */
    i.field[IX(GUEST_ACTIVITY)] = 4;
    breaks(&i, "activity state is supported");

    i = image(&caps, LONG);
    i.field[IX(ENTRY_INTR_INFO)] = INTR(INTR_SOFTWARE_INTERRUPT, 0x80);
    assert_int_equal(vmx_check_image(&i, NULL, NULL), 0); /* length 0, allowed by IA32_VMX_MISC */
    caps.msr[MSR_VMX_MISC - VMX_MSR_FIRST] &= ~VMX_MISC_INJECT_LENGTH_0;
    breaks(&i, "injected event: instruction length");
    i.field[IX(ENTRY_INSN_LEN)] = 1;
    assert_int_equal(vmx_check_image(&i, NULL, NULL), 0);

    caps.msr[0] |= VMX_BASIC_NO_ERROR_CODE_RULE;
    i.field[IX(ENTRY_INTR_INFO)] = INTR(INTR_HARDWARE_EXCEPTION, 13);
    assert_int_equal(vmx_check_image(&i, NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_images),
        cmocka_unit_test(one_case_per_rule),
        cmocka_unit_test(every_segment),
        cmocka_unit_test(unusable_segments_are_not_judged),
        cmocka_unit_test(five_levels_and_shadow_stacks),
        cmocka_unit_test(what_the_processor_lacks),
        cmocka_unit_test(no_rule_without_a_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
