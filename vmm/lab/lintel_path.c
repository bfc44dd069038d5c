/* Lintel's own way from exit to entry: a guest as any other, created from a configuration, run by
 * vm_run(), handled by the exit table.  Each operation is seen twice: by the guest, around the
 * instruction, and by Lintel's counters, from behind the exit to before the entry. */
#include "vmm/lab/lintel_path.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/tsc.h"
#include "lib/fmt.h"
#include "lib/mem.h"
#include "vmm/audit.h"
#include "vmm/gmem.h"
#include "vmm/hostmem.h"
#include "vmm/lab/cell_space.h"
#include "vmm/lab/measuring.h"
#include "vmm/run.h"
#include "vmm/vcpu_load.h"
#include "vmm/vm.h"
#include "vmm/vm_image.h"

#define START_GPA      0x10000ull /* page tables, and in the page behind them the GDT */
#define START_BYTES    (LAB_IDENTITY_BYTES + PAGE_SIZE)
#define CODE_GPA       0x200000ull
#define SAMPLES_GPA    0x300000ull
#define MEMORY         (4 * MiB)
#define APIC_ENABLE    0xfee00900u
#define PIC_MASK       0x21u
#define NAME_MAX       32u

#define IDT_GPA        0x380000ull /* and below it the stack */
#define VECTOR         0x40u
#define SEL_CODE_FLAT  0x10ull /* and the data's follows */
#define GATE_INTERRUPT 0x8eull /* present, DPL 0, 64-bit interrupt gate */
#define LAPIC_SVR      0xf0u
#define SVR_ENABLED    0x1ffu
#define LAPIC_ICR      0x300u
#define ICR_SELF       0x44000u /* fixed, asserted, to itself */

/* 8254: counter 0 as a rate generator, about 2.4 kHz. */
#define PIT_CONTROL 0x43u
#define PIT_RATE    0x34u
#define PIT_COUNTER 0x40u
#define PIT_COUNT   500u
#define SPINS_MAX   10000u /* milliseconds, more than the samples need */

static struct vm vm; /* too large for a stack */

static const struct config_guest guest = {
    .name = "laboratory",
    .memory = MEMORY,
    .vcpus = 1,
    .console = CONFIG_CONSOLE_NONE,
    .debug_exit = LAB_END_PORT,
};

static const struct lintel_row {
    const char *name, *what;
    const u8 *code;
    u32 reason;
    u32 r8, r9, r10, r11;
} rows[] = {
    {.name = "cpuid",
     .what = "XOR, CPUID of leaf 0",
     .code = lab_bench_cpuid,
     .reason = EXIT_CPUID},
    {.name = "vmcall",
     .what = "MOV, VMCALL of a number that is none",
     .code = lab_bench_vmcall,
     .reason = EXIT_VMCALL},
    {.name = "rdmsr",
     .what = "MOV, RDMSR of APIC_BASE",
     .code = lab_bench_rdmsr,
     .reason = EXIT_RDMSR,
     .r9 = MSR_APIC_BASE},
    {.name = "wrmsr",
     .what = "3 MOV, WRMSR of APIC_BASE, unchanged",
     .code = lab_bench_wrmsr,
     .reason = EXIT_WRMSR,
     .r9 = MSR_APIC_BASE,
     .r10 = APIC_ENABLE},
    {.name = "in",
     .what = "MOV, IN from the 8259's mask",
     .code = lab_bench_in,
     .reason = EXIT_IO,
     .r9 = PIC_MASK},
    {.name = "out",
     .what = "2 MOV, OUT to the 8259's mask",
     .code = lab_bench_out,
     .reason = EXIT_IO,
     .r9 = PIC_MASK,
     .r10 = 0xff},
    {.name = "in-unclaimed",
     .what = "MOV, IN from a port that nothing claims",
     .code = lab_bench_in,
     .reason = EXIT_IO,
     .r9 = 0x1234},
    {.name = "mov-cr0",
     .what = "XOR, MOV to CR0, which changes NE",
     .code = lab_bench_mov_cr0,
     .reason = EXIT_CR_ACCESS,
     .r10 = CR0_PE | CR0_PG | CR0_ET,
     .r11 = CR0_NE},
    {.name = "xsetbv",
     .what = "2 XOR, MOV, XSETBV of x87 alone",
     .code = lab_bench_xsetbv,
     .reason = EXIT_XSETBV,
     .r10 = XCR0_X87},
    {.name = "wbinvd", .what = "WBINVD", .code = lab_bench_wbinvd, .reason = EXIT_WBINVD},
    {.name = "invd", .what = "INVD", .code = lab_bench_invd, .reason = EXIT_INVD},
    {.name = "mmio-open-bus",
     .what = "MOV from the VGA window, where nothing answers",
     .code = lab_bench_load,
     .reason = EXIT_EPT_VIOLATION,
     .r8 = 0xa0000},
    {.name = "mmio-lapic-read",
     .what = "MOV from the local APIC's ID",
     .code = lab_bench_load,
     .reason = EXIT_EPT_VIOLATION,
     .r8 = LAPIC_BASE + 0x20},
    {.name = "mmio-lapic-eoi",
     .what = "MOV to the local APIC's EOI",
     .code = lab_bench_store,
     .reason = EXIT_EPT_VIOLATION,
     .r8 = LAPIC_BASE + 0xb0},
    {.name = "interrupt",
     .what = "STI, NOP; the window's exit, the injection; IRETQ",
     .code = lab_bench_interrupt,
     .reason = EXIT_INTERRUPT_WINDOW,
     .r8 = LAPIC_BASE + LAPIC_ICR,
     .r10 = ICR_SELF | VECTOR},
    {.name = "hlt",
     .what = "STI, HLT with an interrupt pending; the exit, the injection; IRETQ",
     .code = lab_bench_woken,
     .reason = EXIT_HLT,
     .r8 = LAPIC_BASE + LAPIC_ICR,
     .r10 = ICR_SELF | VECTOR},
};

/* ------------------------------------------------------------ the guest */

/* What its plan copies, page by page: tables, GDT, the code. */
static struct guest_plan plan;
static hpa_t place;

static u64 code_bytes(void)
{
    return (u64)(lab_guest_end - lab_guest);
}

static u64 place_bytes(void)
{
    return START_BYTES + ALIGN_UP(code_bytes(), PAGE_SIZE);
}

static err_t lend_plan(void)
{
    u8 *at;

    TRY(hostmem_alloc(place_bytes(), PAGE_SIZE, FRAME_LINTEL, &place));
    at = phys_to_virt(place);
    memset(at, 0, START_BYTES);
    lab_identity_map((u64 *)(void *)at, START_GPA);
    lab_flat_segments((u64 *)(void *)(at + LAB_IDENTITY_BYTES + SEL_CODE_FLAT));
    memcpy(at + START_BYTES, lab_guest, code_bytes());
    plan = (struct guest_plan){
        .segments = 2,
        .segment = {{{START_GPA}, place, START_BYTES, START_BYTES},
                    {{CODE_GPA}, {place.v + START_BYTES}, code_bytes(), code_bytes()}},
        .mode = LOAD_LONG_64,
        .rip = CODE_GPA,
        .cr3 = START_GPA,
        .gdt = {START_GPA + LAB_IDENTITY_BYTES},
        .gdt_limit = SEL_CODE_FLAT + 15,
    };
    vm_image_lend(&plan);
    return OK;
}

static void take_plan_back(void)
{
    vm_image_lend(NULL);
    if (hostmem_free(place, place_bytes(), FRAME_LINTEL) != OK)
        panic("lab: the guest's image is not Lintel's");
}

static struct vcpu *nobody(struct vcpu *v UNUSED)
{
    return NULL;
}

/* From the code's first instruction to its OUT at the end. */
static bool run(const u8 *code, u32 count)
{
    u64 *r = vm.vcpu[0]->vmx.guest.regs.r;

    r[RDI] = SAMPLES_GPA;
    r[RBP] = count;
    gs_set(&vm.vcpu[0]->vmx.guest, GS_RIP, CODE_GPA + lab_guest_offset(code));
    vm.end = VM_RUNNING;
    vcpu_load(vm.vcpu[0]);
    (void)vcpu_run(vm.vcpu[0], nobody);
    if (vm.end == VM_END_DEBUG_EXIT)
        return true;
    log_warning("lab: the guest ended otherwise (%u)", (u32)vm.end);
    return false;
}

/* ------------------------------------------------------------ exits */

static void report_inside(struct lab *lab, const char *name, u32 reason)
{
    char inside[NAME_MAX];

    fmt_buf(inside, sizeof(inside), "%s-inside", name);
    lab_report_stat(
        &lab->report,
        &(const struct lab_row){inside, "lintel",
                                "Lintel's own counter: from behind the exit to before the entry"},
        &vm.vcpu[0]->stats->reason[reason]);
}

static bool measure(struct lab *lab, const struct lintel_row *row)
{
    const struct lab_row seen = {row->name, "lintel", row->what};
    u32 reason = row->reason;
    u64 *r = vm.vcpu[0]->vmx.guest.regs.r;

    exit_stats_reset(vm.vcpu[0]->stats);
    r[R8] = row->r8;
    r[R9] = row->r9;
    r[R10] = row->r10;
    r[R11] = row->r11;
    if (!run(row->code, LAB_SERIES))
        return false;
    /* With APIC accesses virtualized, the local APIC's page exits for this reason. */
    if (reason == EXIT_EPT_VIOLATION && vm.vcpu[0]->stats->reason[reason].count < LAB_SERIES)
        reason = EXIT_APIC_ACCESS;
    if (vm.vcpu[0]->stats->reason[reason].count < LAB_SERIES) {
        log_warning("lab: %s does not exit here", row->name);
        return true;
    }
    if (gmem_read(&vm, (gpa_t){SAMPLES_GPA}, lab->sample, sizeof(lab->sample)) != OK)
        panic("lab: the samples are not in the guest's memory");
    lab_report_series(lab, &seen);
    report_inside(lab, row->name, reason);
    return true;
}

static bool out(u16 port, u8 value)
{
    u64 *r = vm.vcpu[0]->vmx.guest.regs.r;

    r[R9] = port;
    r[R10] = value;
    return run(lab_bench_out, 1);
}

/* A timer of the guest's board, which makes the preemption timer exit. */
static bool measure_timer(struct lab *lab)
{
    const struct exit_stat *stat = &vm.vcpu[0]->stats->reason[EXIT_PREEMPTION_TIMER];

    if (!out(PIT_CONTROL, PIT_RATE) || !out(PIT_COUNTER, PIT_COUNT & 0xff) ||
        !out(PIT_COUNTER, PIT_COUNT >> 8))
        return false;
    exit_stats_reset(vm.vcpu[0]->stats);
    for (u32 i = 0; i < SPINS_MAX && stat->count < LAB_SAMPLES; i++)
        if (!run(lab_bench_spin, (u32)(tsc_hz / 1000)))
            return false;
    report_inside(lab, "preemption-timer", EXIT_PREEMPTION_TIMER);
    return true;
}

/* XSETBV is #UD without it. */
static bool set_osxsave(void)
{
    if (!(cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE))
        return true;
    vm.vcpu[0]->vmx.guest.regs.r[R10] = CR4_PAE | CR4_OSXSAVE;
    return run(lab_bench_mov_cr4, 1);
}

/* A stack, a gate for one vector whose handler returns at once, and the local APIC enabled. */
static bool prepare_interrupts(void)
{
    const u64 handler = CODE_GPA + lab_guest_offset(lab_code_iret);
    const u64 gate[2] = {
        (handler & 0xffff) | SEL_CODE_FLAT << 16 | GATE_INTERRUPT << 40 | (handler >> 16) << 48, 0};
    struct guest_state *g = &vm.vcpu[0]->vmx.guest;
    u64 *r = g->regs.r;

    if (gmem_write(&vm, (gpa_t){IDT_GPA + VECTOR * sizeof(gate)}, gate, sizeof(gate)) != OK)
        panic("lab: the interrupt table is not in the guest's memory");
    gs_set(g, GS_IDTR_BASE, IDT_GPA);
    gs_set(g, GS_IDTR_LIMIT, PAGE_SIZE - 1);
    gs_set(g, GS_RSP, IDT_GPA);
    r[R8] = LAPIC_BASE + LAPIC_SVR;
    r[R10] = SVR_ENABLED;
    return run(lab_bench_store, 1);
}

static bool is_there(const struct lintel_row *row)
{
    return row->reason != EXIT_XSETBV || (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE);
}

static void measure_all(struct lab *lab)
{
    if (!set_osxsave() || !prepare_interrupts())
        return;
    for (u32 i = 0; i < ARRAY_LEN(rows); i++)
        if (is_there(&rows[i]) && !measure(lab, &rows[i]))
            return;
    if (!measure_timer(lab))
        return;
    lab_measuring(lab, &vm);
}

void lab_lintel(struct lab *lab)
{
    if (lend_plan() != OK) {
        log_warning("lab: no memory for a guest");
        return;
    }
    if (vm_create(&vm, 0, &guest) == OK) {
        audit(&vm);
        vm.vcpu[0]->cpu = 0;
        measure_all(lab);
        vcpu_unload(vm.vcpu[0]);
        vm_destroy(&vm);
    }
    take_plan_back();
}
