/* The "cpu" member: what the processor says of itself. */
#include "vmm/lab/header.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/tsc.h"
#include "lib/mem.h"

#define LEAF_BRAND_FIRST      0x80000002u
#define LEAF_BRAND_LAST       0x80000004u
#define BRAND_BYTES           48u
#define FAMILY_EXTENDED       0xfu /* the extended family counts, too */
#define LEAF_POWER            0x6u
#define LEAF_FREQUENCY        0x16u
#define FREQUENCY_MHZ         0xffffu

#define POWER_ECX_APERF_MPERF BIT32(0)
#define FAMILY_HAS_MODELS     0x6u /* with FAMILY_EXTENDED: the extended model counts */

/* SDM Vol. 2A, "CPUID", "The Processor Brand String Method". */
static void write_name(struct json *j)
{
    char brand[BRAND_BYTES + 1] = {0};
    const char *name = brand;

    if (cpuid(0x80000000u, 0).eax >= LEAF_BRAND_LAST)
        for (u32 leaf = LEAF_BRAND_FIRST; leaf <= LEAF_BRAND_LAST; leaf++) {
            const struct cpuid_regs r = cpuid(leaf, 0);

            memcpy(brand + (leaf - LEAF_BRAND_FIRST) * sizeof(r), &r, sizeof(r));
        }
    while (*name == ' ')
        name++;
    json_string(j, "name", name);
    log_info("lab: %s", name);
}

/* SDM Vol. 2A, "CPUID", "Version Information Returned by CPUID in EAX". */
static void write_signature(struct json *j, u32 eax)
{
    u32 family = eax >> 8 & 0xf;
    u32 model = eax >> 4 & 0xf;

    if (family == FAMILY_HAS_MODELS || family == FAMILY_EXTENDED)
        model |= eax >> 12 & 0xf0;
    if (family == FAMILY_EXTENDED)
        family += eax >> 20 & 0xff;
    json_number(j, "family", family);
    json_number(j, "model", model);
    json_number(j, "stepping", eax & 0xf);
}

/* SDM Vol. 3A, "Determining the Signature": CPUID loads the revision into a cleared MSR. */
static u32 microcode_revision(void)
{
    wrmsr(MSR_BIOS_SIGN_ID, 0);
    cpuid(1, 0);
    return (u32)(rdmsr(MSR_BIOS_SIGN_ID) >> 32);
}

/* While the processor works and nothing else happens.  SDM Vol. 3B, "Hardware Feedback"; 0: it does
 * not count. */
static u64 measured_core_hz(void)
{
    const u64 window_us = 10000;
    u64 actual, reference;

    if (cpuid(0, 0).eax < LEAF_POWER || !(cpuid(LEAF_POWER, 0).ecx & POWER_ECX_APERF_MPERF))
        return 0;
    actual = rdmsr(MSR_APERF);
    reference = rdmsr(MSR_MPERF);
    tsc_delay_us(window_us);
    actual = rdmsr(MSR_APERF) - actual;
    reference = rdmsr(MSR_MPERF) - reference;
    /* kHz, so that the product stays within 64 bits */
    return reference ? tsc_hz / 1000 * actual / reference * 1000 : 0;
}

static u64 claimed_core_hz(void)
{
    return cpuid(0, 0).eax < LEAF_FREQUENCY
               ? 0
               : (u64)(cpuid(LEAF_FREQUENCY, 0).eax & FREQUENCY_MHZ) * 1000000;
}

static void write_core_hz(struct json *j)
{
    const u64 measured = measured_core_hz();
    const u64 hz = measured ? measured : claimed_core_hz();

    if (hz == 0) {
        json_string(j, "core_hz", "unknown");
        log_info("lab: TSC %llu kHz, core frequency unknown", (unsigned long long)tsc_hz / 1000);
        return;
    }
    json_number(j, "core_hz", hz);
    log_info("lab: TSC %llu kHz, core %llu kHz (%s)", (unsigned long long)tsc_hz / 1000,
             (unsigned long long)hz / 1000, measured ? "measured" : "CPUID leaf 0x16");
}

void lab_header(struct lab_report *r)
{
    const bool hypervisor = cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR;
    struct json *j = &r->json;
    u32 microcode;

    json_object(j, "cpu");
    write_name(j);
    write_signature(j, cpuid(1, 0).eax);
    microcode = microcode_revision();
    json_number(j, "microcode", microcode);
    json_number(j, "tsc_hz", tsc_hz);
    write_core_hz(j);
    json_bool(j, "hypervisor", hypervisor);
    json_close(j);
    log_info("lab: signature 0x%x, microcode 0x%x, %s", cpuid(1, 0).eax, microcode,
             hypervisor ? "under a hypervisor" : "no hypervisor beneath");
}
