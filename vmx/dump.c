/* What is said about a VMCS that the processor refused: every field, and what the processor can do.
 * Which rules it violates is found out elsewhere, from the log: tools/explain/. */
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "vmx/dump_format.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"

static const struct {
    u16 encoding;
    const char *name;
} fields[VMCS_FIELDS] = {
#define VMCS_ALL(encoding, name) {(encoding), #name},
#include "vmx/vmcs_fields.def"
};

const char *vmcs_field_name(u64 encoding)
{
    for (u32 f = 0; f < VMCS_FIELDS; f++)
        if (fields[f].encoding == encoding)
            return fields[f].name;
    return "?";
}

static void say_msr(u32 cpu, u32 msr, u64 value)
{
    log_error(DUMP_MARK "cpu=%u msr 0x%x=0x%llx", cpu, msr, (unsigned long long)value);
}

void vmx_dump(u32 cpu)
{
    const struct vmx_caps *caps = &vmx_facts()->caps;
    const u32 widths = cpuid(0x80000008, 0).eax;
    u32 lines = 1 + (VMX_MSR_LAST - VMX_MSR_FIRST + 1);
    u64 value;

    log_error(DUMP_MARK "cpu=%u begin version=%u phys=%u linear=%u", cpu, DUMP_VERSION,
              widths & 0xff, widths >> 8 & 0xff);
    say_msr(cpu, MSR_FEATURE_CONTROL, caps->feature_control);
    for (u32 msr = VMX_MSR_FIRST; msr <= VMX_MSR_LAST; msr++)
        say_msr(cpu, msr, vmx_cap(caps, msr));
    for (u32 f = 0; f < VMCS_FIELDS; f++) {
        if (!vmcs_try_read(fields[f].encoding, &value))
            continue;
        log_error(DUMP_MARK "cpu=%u field %s=0x%llx", cpu, fields[f].name,
                  (unsigned long long)value);
        lines++;
    }
    log_error(DUMP_MARK "cpu=%u end lines=%u", cpu, lines);
}
