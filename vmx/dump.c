/* What is said about a VMCS that the processor refused: every field, and every entry rule that it
 * violates. */
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "vmx/check.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"

static const struct {
    u16 encoding;
    const char *name;
} fields[VMCS_FIELDS] = {
#define VMCS_ALL(encoding, name) {(encoding), #name},
#include "vmx/vmcs_fields.def"
};

void vmx_dump(void)
{
    for (u32 f = 0; f < VMCS_FIELDS; f++) {
        u64 value;

        if (vmcs_try_read(fields[f].encoding, &value))
            log_info("vmcs: %-24s 0x%llx", fields[f].name, (unsigned long long)value);
    }
}

static void report(void *ctx, const struct vmcs_rule *rule, const struct vmcs_image *i)
{
    (void)ctx;
    log_error("vmx: entry rule violated: %s (\"%s\")", rule->name, rule->section);
    for (u32 n = 0; n < rule->field_count; n++)
        log_error("vmx:     %s = 0x%llx", fields[rule->field[n]].name,
                  (unsigned long long)i->field[rule->field[n]]);
}

u32 vmx_check_entry(void)
{
    /* Too large for the stack. Two CPUs that got here at once would garble each other's report, of
     * failures that should never be. */
    static struct vmcs_image image;
    const u32 widths = cpuid(0x80000008, 0).eax;

    image.caps = vmx_caps();
    image.phys_bits = (u8)widths;
    image.linear_bits = (u8)(widths >> 8);
    for (u32 f = 0; f < VMCS_FIELDS; f++)
        if (!vmcs_try_read(fields[f].encoding, &image.field[f]))
            image.field[f] = 0;
    return vmx_check_image(&image, report, NULL);
}
