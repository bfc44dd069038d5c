/* The recorder's place in hv.elf: its buffer, which is taken out of the machine's memory at the end
 * (tools/record.py), and its clock. */
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/tsc.h"
#include "vmm/bootinfo.h"
#include "vmm/hostmem.h"
#include "vmm/policy/cpuid.h"
#include "vmm/record/record.h"
#include "vmx/vmx.h"

#define BUFFER_SIZE (32 * MiB)
/* Exits of each guest: enough for the longest test guest; one guest alone is an operating system,
 * which goes on for ever. */
#define EXITS_LIMIT       200000u
#define EXITS_LIMIT_ALONE 20000u

void record_init(void)
{
    const bool alone = bootinfo()->config.guest_count == 1;
    hpa_t buffer;

    if (hostmem_alloc(BUFFER_SIZE, LARGE_PAGE_SIZE, FRAME_LINTEL, &buffer) != OK) {
        log_error("record: no memory for the recording");
        return;
    }
    record_open(phys_to_virt(buffer), BUFFER_SIZE, alone ? EXITS_LIMIT_ALONE : EXITS_LIMIT);
}

void record_report(void)
{
    log_info("LINTEL-RECORD address=0x%llx bytes=%llu exits=%llu%s",
             (unsigned long long)recorder.data, (unsigned long long)recorder.complete,
             (unsigned long long)recorder.exits, recorder.full ? " full" : "");
}

bool record_reads_all(void)
{
    return true;
}

u64 record_now(void)
{
    const u64 now = rdtsc();

    record_time(now);
    return now;
}

/* Every leaf that boot/cpuid_table.c may ask for, with all states enabled as there. */
static void record_leaves(void)
{
    static const struct {
        u32 leaf, subleaves;
    } more[] = {{4, 5}, {7, 2}, {0xb, 3}, {0xd, 64}};

    for (u32 leaf = 0; leaf < CPUID_BASIC_MAX; leaf++) {
        u32 subleaves = 1;

        for (size_t i = 0; i < ARRAY_LEN(more); i++)
            if (more[i].leaf == leaf)
                subleaves = more[i].subleaves;
        for (u32 sub = 0; sub < subleaves; sub++) {
            const struct cpuid_regs r = cpuid(leaf, sub);

            record_cpuid(leaf, sub, &r);
        }
    }
    for (u32 leaf = 0; leaf < CPUID_EXTENDED_MAX; leaf++) {
        const struct cpuid_regs r = cpuid(CPUID_LEAF_EXTENDED + leaf, 0);

        record_cpuid(CPUID_LEAF_EXTENDED + leaf, 0, &r);
    }
}

void record_host(const struct vm *vm, const struct cpuid_guest *guest)
{
    const u64 xcr0 = fpu_supported_xcr0();
    const struct record_host host = {.tsc_hz = tsc_hz,
                                     .xcr0 = xcr0,
                                     .features =
                                         (u64)vmx_has_control(WORD_CPU2, CPU2_RDTSCP) |
                                         (u64)vmx_has_control(WORD_CPU2, CPU2_INVPCID) << 1 |
                                         (u64)vmx_has_control(WORD_CPU2, CPU2_XSAVES) << 2 |
                                         (u64)guest->paravirt << 3 | (u64)guest->pv_eoi << 4};

    record_guest(vm, &host);
    if (xcr0)
        xsetbv(0, xcr0);
    record_leaves();
}
