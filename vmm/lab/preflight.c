/* The requirements, by the tables that the loader refuses by (boot/caps.c, boot/wishes.c), and what
 * is not required but makes measurements or guests worse if it lacks. */
#include "vmm/lab/preflight.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "lib/fmt.h"
#include "vmx/mitigation.h"
#include "vmx/speculation.h"
#include "vmx/vmx.h"

#define REASON_MAX 384u

static bool invariant_tsc(void)
{
    return cpuid(CPUID_LEAF_EXTENDED, 0).eax >= CPUID_LEAF_EXTENDED + 7 &&
           (cpuid(CPUID_LEAF_EXTENDED + 7, 0).edx & CPUID_80000007_EDX_INVARIANT_TSC);
}

static void check_processor(struct lab_report *r)
{
    const u64 feature_control = vmx_facts()->caps.feature_control;
    char reason[REASON_MAX];

    lab_report_check(r, "VMX", cpuid(1, 0).ecx & CPUID_1_ECX_VMX, "CPUID.1:ECX.VMX");
    fmt_buf(reason, sizeof(reason), "IA32_FEATURE_CONTROL was 0x%llx, %s",
            (unsigned long long)feature_control,
            feature_control & FEATURE_CONTROL_LOCK ? "locked by the firmware"
                                                   : "not locked by the firmware");
    lab_report_check(r, "firmware", true, reason);
    lab_report_check(r, "invariant TSC", invariant_tsc(),
                     invariant_tsc()
                         ? "ticks are time in every power state"
                         : "ticks change with the clock: figures in ticks are not time");
    fmt_buf(reason, sizeof(reason), "%u bits physical, %u linear",
            cpuid(0x80000008, 0).eax & CPUID_80000008_EAX_PHYS_BITS,
            (cpuid(0x80000008, 0).eax & CPUID_80000008_EAX_LINEAR_BITS) >> 8);
    lab_report_check(r, "addresses", true, reason);
}

/* The loader has refused what lacks something. */
static void report_vmx(struct lab_report *r)
{
    lab_report_check(r, "VMX capabilities", true, "all that Lintel requires");
    for (u32 w = 0; w < VMX_WORDS; w++)
        lab_report_check(r, "VMX controls", true, vmx_facts()->word[w].text);
}

/* What is open is a fact, and no reason not to run. */
static void report_mitigations(struct lab_report *r)
{
    char text[MITIGATION_TEXT_MAX];

    for (u32 state = 0; state < MITIGATION_STATES; state++) {
        mitigation_text(vmx_mitigation_plan(), (enum mitigation_state)state, text);
        lab_report_check(r, "mitigations", true, text);
    }
}

void lab_preflight(struct lab_report *r)
{
    check_processor(r);
    report_vmx(r);
    report_mitigations(r);
}
