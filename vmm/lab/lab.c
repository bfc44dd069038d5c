/* The laboratory's story; see lab.h. */
#include "vmm/lab/lab.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/tsc.h"
#include "lib/mem.h"
#include "vmm/lab/json.h"

#define LAB_FORMAT        1u /* of the JSON text: changes when a member's meaning does */
#define LEAF_BRAND_FIRST  0x80000002u
#define LEAF_BRAND_LAST   0x80000004u
#define BRAND_BYTES       48u
#define FAMILY_EXTENDED   0xfu /* the extended family counts, too */
#define FAMILY_HAS_MODELS 0x6u /* with FAMILY_EXTENDED: the extended model counts */

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

static void write_cpu(struct json *j)
{
    json_object(j, "cpu");
    write_name(j);
    write_signature(j, cpuid(1, 0).eax);
    json_number(j, "microcode", microcode_revision());
    json_number(j, "tsc_hz", tsc_hz);
    json_close(j);
}

void lab_run(struct lab_result *out)
{
    struct json j;

    json_begin(&j, out->text, out->capacity);
    json_number(&j, "format", LAB_FORMAT);
    write_cpu(&j);
    if (!json_finish(&j))
        panic("lab: the result needs %zu bytes, there are %zu", j.len, out->capacity);
    out->len = j.len;
}
