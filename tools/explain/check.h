/* The processor's checks at VM entry, in software, on plain values: an emulator may accept what
 * silicon refuses, and silicon says no more than "invalid guest state".  SDM Vol. 3C, "VM Entries".
 * Left out are rules about features that Lintel never turns on and whose fields it never writes
 * (dual-monitor treatment, CET, FRED, PT, HLAT, IA32_PERF_GLOBAL_CTRL, ...), and rules that need
 * memory (the VMCS that the link pointer names, the TPR in the virtual-APIC page).  Pure. */
#pragma once
#include "boot/caps.h"
#include "lib/types.h"
#include "vmx/vmcs_fields.h"

/* A VMCS as values; a field that the processor does not have is 0. */
struct vmcs_image {
    u64 field[VMCS_FIELDS]; /* by enum vmcs_index */
    const struct vmx_caps *caps;
    u8 phys_bits, linear_bits; /* address widths: CPUID leaf 0x80000008 */
};

struct vmcs_rule {
    const char *name;
    const char *section; /* its title, in the chapter "VM Entries" */
    bool (*ok)(const struct vmcs_image *i, u32 arg);
    u8 arg;
    u8 field_count;
    u8 field[4]; /* enum vmcs_index: the values that the rule is about */
};

/* Calls report (may be NULL) for each violated rule.  Returns how many there are. */
u32 vmx_check_image(const struct vmcs_image *i,
                    void (*report)(void *ctx, const struct vmcs_rule *rule,
                                   const struct vmcs_image *i),
                    void *ctx);

/* Rule number n, counting from 0; NULL after the last one. */
const struct vmcs_rule *vmx_check_rule(u32 n);
