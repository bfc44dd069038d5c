/* Task switches among descriptor tables, TSSs and page tables of any bytes: what a guest has then
 * can be entered by the rules of tools/explain/check*.c, and a switch that did not begin has
 * changed nothing.
 */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/paging.h"
#include "boot/wishes.h"
#include "tools/explain/check.h"
#include "tools/recorded/bochs_models.h"
#include "tools/unit/fake_cpu.h"
#include "vmm/handlers.h"
#include "vmm/policy/cr.h"
#include "vmm/tss.h"
#include "vmm/vm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM_BYTES 0x8000u
#define TABLES    0x4000u /* the directory of page tables; PAE: the PDPTEs */
#define GDT       0x1000u
#define GDT_BYTES 0x80u
#define OLD_TSS   0x1fc0u
#define NEW_TSS   0x2fc0u
#define S_OLD     0x28u
#define S_NEW     0x30u

/* The first bytes of an input; patches of good tables follow. */
struct header {
    u8 mode; /* bit 0: paging, 1: PAE, 2: CPL 3, 3: WP, 4: 16-bit old TSS */
    u8 source, event_type, vector;
    u16 selector, error;
    u32 rflags;
};

struct patch {
    u16 at; /* in memory, the GDT and the TSSs most likely */
    u16 value;
};

static u8 memory[RAM_BYTES] __attribute__((aligned(4096)));
static struct vm vm;
static struct vcpu vcpu;
static struct trace_ring ring;
static struct config_guest config;
static struct exit_stats stats;
static struct vmx_caps caps;

static const u16 field_index[GS_COUNT] = {
#define GS(name, width, field) [GS_##name] = VMCS_IX_##field,
#include "vmx/guest_state.def"
};

static u64 model_rdmsr(void *ctx, u32 msr)
{
    const struct bochs_model *model = ctx;

    return msr < VMX_MSR_FIRST ? 0 : model->msr[msr - VMX_MSR_FIRST];
}

static void report(void *ctx, const struct vmcs_rule *rule, const struct vmcs_image *i)
{
    (void)ctx, (void)i;
    if (strcmp(rule->section, "Checks on Guest Segment Registers") != 0 &&
        strcmp(rule->section, "Checks on Guest RIP, RFLAGS, and SSP") != 0)
        return; /* not what a task switch is about, and the image has not all of it */
    fprintf(stderr, "rule broken: %s\n", rule->name);
    abort();
}

static u64 field(u32 f)
{
    const struct guest_state *g = &vcpu.vmx.guest;

    return g->valid & BIT(f) ? g->field[f] : fake_cpu.vmcs[f];
}

static void check_entry(void)
{
    struct vmcs_image image = {.caps = &caps, .phys_bits = 40, .linear_bits = 48};

    for (u32 f = 0; f < GS_COUNT; f++)
        image.field[field_index[f]] = field(f);
    image.field[VMCS_IX_CPU_CONTROLS] = CPU_SECONDARY_CONTROLS;
    image.field[VMCS_IX_CPU2_CONTROLS] = CPU2_UNRESTRICTED_GUEST;
    vmx_check_image(&image, report, NULL);
}

static void put_segment(u32 n, u32 selector, u64 base, u64 limit, u64 rights)
{
    u64 *f = fake_cpu.vmcs;

    f[GS_ES_SEL + n] = selector, f[GS_ES_BASE + n] = base;
    f[GS_ES_LIMIT + n] = limit, f[GS_ES_AR + n] = rights;
}

static void put_memory(const struct header *h, const uint8_t *data, size_t size)
{
    static const u64 descriptors[] = {0,
                                      0x00cf9b000000ffff,
                                      0x00cf93000000ffff,
                                      0x00cffb000000ffff,
                                      0x00cff3000000ffff,
                                      0x00008b001fc00067,
                                      0x000089002fc00067,
                                      0x0000820000000fff};
    u32 *tables = (u32 *)(void *)(memory + TABLES), *tss = (u32 *)(void *)(memory + NEW_TSS);

    memset(memory, 0, sizeof(memory));
    memcpy(memory + GDT, descriptors, sizeof(descriptors));
    if (h->mode & 2)
        ((u64 *)(void *)tables)[0] = (TABLES + 0x1000) | 1;
    else
        tables[0] = 0x87;
    *(u64 *)(void *)(memory + TABLES + 0x1000) = 0x87;
    for (u32 i = 18; i < 24; i++)
        tss[i] = i == 19 ? 0x08 : 0x10;
    tss[7] = TABLES, tss[8] = 0x6000, tss[9] = 2, tss[14] = 0x7000;
    for (struct patch p; size >= sizeof(p); data += sizeof(p), size -= sizeof(p)) {
        static const u16 places[] = {GDT, OLD_TSS, NEW_TSS, TABLES};

        memcpy(&p, data, sizeof(p));
        const u32 at =
            p.at & 0x8000 ? p.at & (RAM_BYTES - 2) : places[p.at >> 8 & 3] + (p.at & 0x7e);

        memcpy(memory + at, &p.value, sizeof(p.value));
    }
}

static void put_state(const struct header *h)
{
    u64 *f = fake_cpu.vmcs;
    const bool paging = h->mode & 1, v86 = h->rflags & RFLAGS_VM;
    const u64 cpl = v86 || (h->mode & 4) ? 3 : 0;

    f[GS_CR0] = CR0_PE | CR0_ET | CR0_NE | (h->mode & 8 ? CR0_WP : 0) | (paging ? CR0_PG : 0);
    f[GS_CR4] = CR4_FORCED | CR4_PSE | (h->mode & 2 ? CR4_PAE : 0);
    f[GS_CR3] = TABLES;
    f[GS_PDPTE0] = (TABLES + 0x1000) | 1;
    f[GS_RFLAGS] = (h->rflags & 0x3f7fd5) | RFLAGS_FIXED_1;
    f[GS_RIP] = 0x5000, f[GS_RSP] = 0x7000;
    f[GS_DR7] = DR7_INIT;
    for (u32 n = 0; n < 6; n++)
        put_segment(n, n == 1 ? 0x08 : 0x10, 0, ~0u, (n == 1 ? 0xc09b : 0xc093) | cpl << 5);
    for (u32 n = 0; n < 6 && v86; n++)
        put_segment(n, 0x100, 0x1000, 0xffff, 0xf3);
    put_segment(6, 0, 0, 0, 0x10000);
    put_segment(7, S_OLD, OLD_TSS, 103, h->mode & 16 ? 0x83 : 0x8b);
    f[GS_GDTR_BASE] = GDT, f[GS_GDTR_LIMIT] = GDT_BYTES - 1;
    vcpu.vmx.guest.valid = GS_READ_AT_EXIT;
    for (u32 i = 0; i < GS_COUNT; i++)
        vcpu.vmx.guest.field[i] = f[i];
}

static void begin(void)
{
    struct bochs_model model = bochs_models[0];

    vmx_caps_collect(&caps, model_rdmsr, &model);
    memset(&vm, 0, sizeof(vm));
    memset(&vcpu, 0, sizeof(vcpu));
    memset(&fake_cpu, 0, sizeof(fake_cpu));
    vm.extent[0] = (struct vm_extent){{0}, {(u64)memory - DIRECT_MAP_BASE}, RAM_BYTES};
    vm.extents = 1;
    vm.vcpu[vm.vcpus++] = &vcpu;
    vm.config = &config;
    vm.cpuid.phys_bits = 40;
    vcpu.vm = &vm, vcpu.trace = &ring, vcpu.stats = &stats;
    vcpu.deadline = ~0ull;
}

/* The old task is still there: as it was, but for RF. */
static void check_not_begun(const u8 *before)
{
    if (memcmp(memory, before, RAM_BYTES) != 0)
        abort();
    for (u32 f = 0; f < GS_COUNT; f++)
        if (f != GS_RFLAGS && field(f) != fake_cpu.vmcs[f])
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static u8 before[RAM_BYTES];
    struct header h;
    struct exit x = {.reason = EXIT_TASK_SWITCH, .insn_len = 7};

    if (size < sizeof(h))
        return 0;
    memcpy(&h, data, sizeof(h));
    begin();
    put_memory(&h, data + sizeof(h), size - sizeof(h));
    put_state(&h);
    memcpy(before, memory, sizeof(before));
    x.qual = (u64)(h.source & 3) << 30 | (h.source & 4 ? h.selector : S_NEW);
    if ((h.source & 3) == 3)
        x.idt_info = 0x80000000u | (h.event_type & 7u) << 8 | (h.vector & 31u) |
                     (h.event_type == 3 && h.vector & 8 ? 0x800u : 0);
    x.idt_error = h.error;
    if (on_task_switch(&vcpu, &x) == KILL)
        return 0;
    check_entry();
    if (field(GS_TR_SEL) == S_OLD && field(GS_RIP) == fake_cpu.vmcs[GS_RIP] && vcpu.pending.info &&
        field(GS_CR0) == fake_cpu.vmcs[GS_CR0])
        check_not_begun(before);
    return 0;
}
