/* What Lintel needs of a machine, as a table; see precheck.h.  SDM Vol. 3C, "Discovering Support
 * for VMX", "Enabling and Entering VMX Operation"; Vol. 2A, "CPUID". */
#include "boot/precheck.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "boot/console.h"
#include "boot/memmap.h"
#include "boot/memory.h"
#include "boot/wishes.h"
#include "lib/fmt.h"
#include "lib/mem.h"

/* For hv.elf, its tables, and the frame table (2 bytes per 4 KiB of RAM). */
#define OVERHEAD         (48 * MiB)
#define EPT_SHARE        256u /* a guest's EPT in the worst case: 1/512 and a little */
#define NAMES_MAX        256u
#define LACK_MAX         (NAMES_MAX + 64u)
#define CPUID_NAME_BYTES 12u

struct machine {
    char vendor[CPUID_NAME_BYTES];
    bool long_mode, nx, vmx;
    u64 cr4;
    u64 ram_end;    /* first address behind the last RAM */
    u64 free_bytes; /* free memory below PHYSICAL_MAX */
    u64 needed_bytes;
    struct vmx_caps caps; /* read only if vmx */
    struct vmx_controls controls;
};

static bool is_intel(const struct machine *m)
{
    return memcmp(m->vendor, "GenuineIntel", CPUID_NAME_BYTES) == 0 && m->long_mode;
}

static bool has_vmx(const struct machine *m)
{
    return m->vmx;
}

static bool firmware_allows_vmx(const struct machine *m)
{
    return !m->vmx || !(m->caps.feature_control & FEATURE_CONTROL_LOCK) ||
           (m->caps.feature_control & FEATURE_CONTROL_VMX_OUTSIDE_SMX);
}

static bool has_nx(const struct machine *m)
{
    return m->nx;
}

static bool has_4_levels(const struct machine *m)
{
    return !(m->cr4 & CR4_LA57);
}

static bool ram_is_in_reach(const struct machine *m)
{
    return m->ram_end <= PHYSICAL_MAX;
}

static bool has_memory(const struct machine *m)
{
    return m->free_bytes >= m->needed_bytes;
}

/* In this order they are shown; the first that does not hold is the refusal's reason. */
// clang-format off
static const struct requirement {
    const char *what;
    bool (*holds)(const struct machine *m);
    const char *remedy;
} requirements[] = {
    {"a 64-bit Intel processor", is_intel,
     "Lintel uses Intel VT-x, which other makers' processors do not have."},
    {"VT-x (CPUID.1:ECX.VMX)", has_vmx,
     "In the firmware's setup, enable \"Intel Virtualization Technology\" (also called VT-x,\n"
     "    VMX or Vanderpool; often under Advanced, CPU Configuration, or Security).  In a virtual\n"
     "    machine, enable nested virtualization for it on its host."},
    {"permission to use VT-x (IA32_FEATURE_CONTROL is locked without it)", firmware_allows_vmx,
     "In the firmware's setup, enable \"Intel Virtualization Technology\" (VT-x, VMX), save, and\n"
     "    switch the machine off and on: a restart may keep the lock."},
    {"execute-disable pages (CPUID.80000001H:EDX.NX)", has_nx,
     "In the firmware's setup, enable \"Execute Disable Bit\" (also called XD or No-Execute)."},
    {"4-level paging (the firmware runs with 5 levels)", has_4_levels,
     "In the firmware's setup, disable \"5-Level Paging\" (also called LA57)."},
    {"a memory map that ends below 1 TiB", ram_is_in_reach,
     "This machine has more memory, or has it at higher addresses, than Lintel manages."},
    {"memory for the guests", has_memory,
     "Give the guests less in lintel.conf (memory =), let them run one after another (run =\n    one-by-one), or give the machine more."},
};
// clang-format on

/* For all that VMX itself lacks; said once. */
static const char old_vmx[] =
    "This processor's VT-x is too old (Lintel needs what the Core processors of 2010 and later\n"
    "    have), or a virtual machine does not show all of it: choose a newer CPU model there.";

/* ------------------------------------------------------------ the machine as facts */

static u64 read_msr(void *ctx, u32 msr)
{
    (void)ctx;
    return rdmsr(msr);
}

static void look_at_processor(struct machine *m)
{
    const struct cpuid_regs name = cpuid(0, 0);
    const u32 extended = cpuid(CPUID_LEAF_EXTENDED, 0).eax;

    memcpy(m->vendor, &name.ebx, sizeof(name.ebx));
    memcpy(m->vendor + 4, &name.edx, sizeof(name.edx));
    memcpy(m->vendor + 8, &name.ecx, sizeof(name.ecx));
    if (extended > CPUID_LEAF_EXTENDED) {
        const u32 edx = cpuid(CPUID_LEAF_EXTENDED + 1, 0).edx;

        m->long_mode = edx & CPUID_80000001_EDX_LM;
        m->nx = edx & CPUID_80000001_EDX_NX;
    }
    m->cr4 = read_cr4();
    /* AMD's processors do not have Intel's bit: a zero there is no feature called off. */
    m->vmx = cpuid(1, 0).ecx & CPUID_1_ECX_VMX;
    if (m->vmx)
        vmx_caps_collect(&m->caps, read_msr, NULL);
}

static void look_at_memory(struct machine *m, const struct boot_info *info)
{
    for (u32 i = 0; i < info->mem_count; i++) {
        const struct boot_mem *r = &info->mem[i];

        if (memmap_is_ram(r))
            m->ram_end = r->base + r->len;
        if (r->type == BOOT_MEM_USABLE)
            m->free_bytes += r->len;
    }
}

/* ------------------------------------------------------------ the judgement */

static void lack(const char *what)
{
    char reason[LACK_MAX];

    fmt_buf(reason, sizeof(reason), "this machine lacks %s", what);
    refuse_silently(reason);
    say("  missing: %s\n", what);
}

static u32 judge_capabilities(const struct machine *m)
{
    struct vmx_caps caps = m->caps;
    const char *what;
    u32 lacks = 0;

    caps.feature_control = 0; /* has its own row, with the remedy */
    for (u32 i = 0; (what = vmx_caps_missing(&caps, &i)) != NULL; lacks++)
        lack(what);
    return lacks;
}

static u32 judge_bits(enum vmx_word word, u64 bits, const char *verdict)
{
    char names[NAMES_MAX];
    char what[LACK_MAX];

    if (bits == 0)
        return 0;
    vmx_control_names(word, bits, names, sizeof(names));
    fmt_buf(what, sizeof(what), "VMX %s controls%s: %s", vmx_word_name(word), verdict, names);
    lack(what);
    return 1;
}

static u32 judge_controls(struct machine *m)
{
    u32 lacks = 0;

    if (vmx_resolve_controls(&m->caps, &m->controls) == OK)
        return 0;
    for (u32 w = 0; w < VMX_WORDS; w++) {
        const struct ctl *c = &m->controls.word[w];

        lacks += judge_bits((enum vmx_word)w, c->lacking, "");
        lacks += judge_bits((enum vmx_word)w, c->forced, " that can be 0");
    }
    if (lacks == 0) {
        lack("VMX capability MSRs that do not contradict themselves");
        lacks++;
    }
    return lacks;
}

static u32 judge_vmx(struct machine *m)
{
    const u32 lacks = judge_capabilities(m) + judge_controls(m);

    if (lacks > 0)
        say("    %s\n", old_vmx);
    return lacks;
}

static void say_memory(const struct machine *m)
{
    say("    Needed: %llu MiB.  Free: %llu MiB.\n", (m->needed_bytes + MiB - 1) / MiB,
        m->free_bytes / MiB);
}

err_t precheck(struct boot_info *info, struct precheck_need need)
{
    static struct machine m;
    u32 lacks = 0;

    m = (struct machine){.needed_bytes =
                             need.modules + need.guests + need.guests / EPT_SHARE + OVERHEAD};
    look_at_processor(&m);
    look_at_memory(&m, info);

    for (size_t i = 0; i < ARRAY_LEN(requirements); i++) {
        const struct requirement *r = &requirements[i];

        if (r->holds(&m))
            continue;
        lack(r->what);
        say("    %s\n", r->remedy);
        lacks++;
        if (r->holds == has_memory)
            say_memory(&m);
    }
    if (m.vmx)
        lacks += judge_vmx(&m);
    if (lacks > 0)
        return E_NOTSUP;
    vmx_facts_make(&info->vmx, &m.caps, &m.controls);
    return OK;
}
