/* Runs the VM-entry rules of check_controls.c, check_host.c, check_guest.c and check_segments.c.
 * Pure. */
#include "tools/explain/check.h"
#include "tools/explain/check_rules.h"

static const struct vmcs_rules *const tables[] = {
    &vmx_rules_controls,
    &vmx_rules_host,
    &vmx_rules_guest,
    &vmx_rules_segments,
};

const struct vmcs_rule *vmx_check_rule(u32 n)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        if (n < tables[t]->count)
            return &tables[t]->rule[n];
        n -= tables[t]->count;
    }
    return NULL;
}

u32 vmx_check_image(const struct vmcs_image *i,
                    void (*report)(void *ctx, const struct vmcs_rule *rule,
                                   const struct vmcs_image *i),
                    void *ctx)
{
    const struct vmcs_rule *r;
    u32 violated = 0;

    for (u32 n = 0; (r = vmx_check_rule(n)); n++) {
        if (r->ok(i, r->arg))
            continue;
        violated++;
        if (report)
            report(ctx, r, i);
    }
    return violated;
}

u64 check_word(const struct vmcs_image *i, enum vmx_word word)
{
    switch (word) {
    case WORD_PIN: return FIELD(i, PIN_CONTROLS);
    case WORD_CPU: return FIELD(i, CPU_CONTROLS);
    case WORD_CPU2:
        return FIELD(i, CPU_CONTROLS) & CPU_SECONDARY_CONTROLS ? FIELD(i, CPU2_CONTROLS) : 0;
    case WORD_CPU3:
        return FIELD(i, CPU_CONTROLS) & CPU_TERTIARY_CONTROLS ? FIELD(i, CPU3_CONTROLS) : 0;
    case WORD_VMEXIT: return FIELD(i, EXIT_CONTROLS);
    case WORD_VMENTRY: return FIELD(i, ENTRY_CONTROLS);
    case VMX_WORDS: break;
    }
    return 0;
}
