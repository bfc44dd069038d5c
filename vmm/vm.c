/* The life of a guest: created from its configuration, run, stopped, destroyed. */
#include "vmm/vm.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/tsc.h"
#include "lib/mem.h"
#include "vmm/bootinfo.h"
#include "vmm/console.h"
#include "vmm/dump.h"
#include "vmm/hostmem.h"
#include "vmm/live.h"
#include "vmm/percpu.h"
#include "vmm/policy/cr.h"
#include "vmm/policy/io.h"
#include "vmm/record.h"
#include "vmm/vm_image.h"
#include "vmm/vm_memory.h"
#include "vmx/speculation.h"
#include "vmx/wishes.h"

#define PAGE(n) __attribute__((aligned(4096))) n

/* The same for every guest: nothing but the tables decides what they say. */
static u8 PAGE(msr_bitmap)[PAGE_SIZE];
static u8 PAGE(io_bitmap)[2][PAGE_SIZE];

static struct cpuid_answer read_host_cpuid(void *ctx, u32 leaf, u32 subleaf)
{
    const struct cpuid_regs r = cpuid(leaf, subleaf);

    (void)ctx;
    record_cpuid(leaf, subleaf, &r);
    return (struct cpuid_answer){r.eax, r.ebx, r.ecx, r.edx};
}

/* The registers of the local APIC are in a page that the processor works with. */
static bool wants_apic_page(void)
{
    return RECORD_APIC_PAGE && vmx_delivers_interrupts(vmx_caps());
}

static void build_cpuid(struct vm *vm, bool paravirt)
{
    const struct vmx_controls *c = vmx_controls();
    const u64 xcr0 = fpu_supported_xcr0();
    const struct cpuid_source source = {
        .read = read_host_cpuid,
        .tsc_hz = tsc_hz,
        .host_xcr0 = xcr0,
        .rdtscp = vmx_has_control(c, WORD_CPU2, CPU2_RDTSCP),
        .invpcid = vmx_has_control(c, WORD_CPU2, CPU2_INVPCID),
        .xsaves = vmx_has_control(c, WORD_CPU2, CPU2_XSAVES),
        .paravirt = paravirt,
        .pv_eoi = !wants_apic_page(),
    };

    if (xcr0) /* leaf 0xd speaks of what is enabled now; reset_processor() takes it back */
        xsetbv(0, xcr0);
    record_guest(vm, &source);
    cpuid_policy_build(&vm->cpuid, &source);
}

/* A page for the registers of the local APIC, if the processor can work with it. */
static err_t setup_apic(struct vm *vm, hpa_t *access, hpa_t *page)
{
    *access = *page = (hpa_t){0};
    if (!wants_apic_page())
        return OK;
    TRY(vm_memory_map_apic(vm, access, page));
    vm->vcpu.apic_page = phys_to_virt(*page);
    return OK;
}

static err_t setup_vcpu(struct vm *vm)
{
    hpa_t access, apic_page;
    struct vcpu *v = &vm->vcpu;
    void *vmcs = hostmem_page();

    if (!vmcs)
        return E_NOMEM;
    vm->vmcs_page = virt_to_phys(vmcs);
    msr_bitmap_build(msr_bitmap);
    io_bitmap_build(io_bitmap[0], io_bitmap[1]);
    *v = (struct vcpu){
        .vm = vm,
        .vpid = (u16)(vm->id + 1),
        .trace = &this_vmm_cpu()->trace,
        .trace_id = (u16)(vm->id << 8),
        .trace_exit = vm->id << 24 | TRACE_EXIT,
        .stats = &vm->stats,
    };
    exit_stats_reset(&vm->stats);
    TRY(setup_apic(vm, &access, &apic_page));
    vmx_vcpu_setup(&v->vmx, &(struct vmx_vcpu_config){
                                .vmcs_page = vm->vmcs_page,
                                .ept_root = virt_to_phys(vm->ept.root),
                                .vpid = v->vpid,
                                .msr_bitmap = virt_to_phys(msr_bitmap),
                                .io_bitmap_a = virt_to_phys(io_bitmap[0]),
                                .io_bitmap_b = virt_to_phys(io_bitmap[1]),
                                .exception_bitmap = BIT32(VEC_DB) | BIT32(VEC_AC) | BIT32(VEC_MC),
                                .cr0_mask = CR0_OWNED,
                                .apic_page = apic_page,
                                .apic_access = access,
                                .cr4_mask = cr4_owned(vm->cpuid.cr4_mask),
                                .mitigations = vmx_mitigation_plan()->flags,
                            });
    vmx_invvpid_single(v->vpid);
    vcpu_reset(v);
    return OK;
}

/* Never left out because the guest is the same as before: its programs may not be. */
static void change_guest(const struct vcpu *v)
{
    struct vmm_cpu *c = this_vmm_cpu();
    const bool barrier = vmx_mitigation_guest_change();

    c->guest_changes++;
    c->ibpbs += barrier;
    trace(&c->trace, TRACE_GUEST_CHANGE, v->trace_id, barrier, c->ibpbs, c->guest_changes);
}

/* State that the processor keeps and VMX does not switch: nothing of an earlier guest stays. */
static void reset_processor(void)
{
    static const u32 zero_msrs[] = {MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_KERNEL_GS_BASE};

    for (size_t i = 0; i < ARRAY_LEN(zero_msrs); i++)
        wrmsr(zero_msrs[i], 0);
    if (vmx_has_control(vmx_controls(), WORD_CPU2, CPU2_RDTSCP))
        wrmsr(MSR_TSC_AUX, 0);
    write_cr2(0);
    write_dr0(0);
    write_dr1(0);
    write_dr2(0);
    write_dr3(0);
    write_dr6(DR6_INIT);
    fpu_init_guest(fpu_supported_xcr0() & XCR0_X87);
}

static void mark_by_port(void *ctx, u32 value)
{
    struct vm *vm = ctx;

    (void)ledger_write(&vm->ledger, &vm->stats, value);
}

/* All clocks begin now, the guest's TSC and its system time at 0. */
static void start_time(struct vm *vm, const struct board_host *host)
{
    const u64 now = rdtsc(), wall_time = bootinfo_wall_time();
    struct vcpu *v = &vm->vcpu;

    record_board(vm, now, wall_time);
    board_init(&vm->board, host, tsc_hz, now, wall_time, vm->config->memory,
               (u16)vm->config->debug_exit);
    pvclock_start(&vm->clock, tsc_hz, now, wall_time);
    v->tsc_offset = 0 - now;
    vmx_set_tsc_offset(&v->vmx, v->tsc_offset);
}

/* A debug-exit port is looked at only where nothing else is. */
static err_t check_debug_exit(const struct config_guest *config)
{
    const struct io_row *row = io_find((u16)config->debug_exit);
    const bool ledger = config->ledger == CONFIG_ON && config->debug_exit == LEDGER_PORT;

    if (config->debug_exit == 0 || (row->action == IO_REFUSE && !ledger))
        return OK;
    log_error("guest %s: debug_exit = 0x%x is the port of: %s; choose another, like 0xf4",
              config->name, config->debug_exit, ledger ? "the ledger" : row->name);
    return E_INVAL;
}

err_t vm_create(struct vm *vm, u32 id, const struct config_guest *config)
{
    struct board_host board_host;
    err_t err;

    memset(vm, 0, sizeof(*vm));
    vm->id = id;
    vm->config = config;
    TRY(check_debug_exit(config));
    err = vm_memory_create(vm);
    if (err != OK) {
        log_error("guest %s: no memory: it wants %llu MiB, %llu MiB are free", config->name,
                  (unsigned long long)(config->memory >> 20),
                  (unsigned long long)(hostmem()->free_frames >> 8));
        return err;
    }
    build_cpuid(vm, true);
    err = setup_vcpu(vm);
    if (err == OK)
        err = vm_image_load(vm);
    if (err != OK) {
        vm_destroy(vm);
        return err;
    }
    change_guest(&vm->vcpu);
    reset_processor();
    console_attach(&board_host, config->console);
    live_attach(config->live == CONFIG_ON);
    vm->at_console = true;
    ledger_start(&vm->ledger);
    board_host.ctx = vm;
    if (config->ledger == CONFIG_ON)
        board_host.mark = mark_by_port;
    start_time(vm, &board_host);
    this_vmm_cpu()->current = &vm->vcpu;
    return OK;
}

void vm_disconnect(struct vm *vm)
{
    if (vm->at_console)
        console_detach();
    vm->at_console = false;
}

void vm_destroy(struct vm *vm)
{
    vm_disconnect(vm);
    this_vmm_cpu()->current = NULL;
    if (vm->vmcs_page.v) {
        vmx_vcpu_release(&vm->vcpu.vmx);
        hostmem_page_free(phys_to_virt(vm->vmcs_page));
        vm->vmcs_page.v = 0;
    }
    vm_memory_destroy(vm);
}

void vm_stop(struct vm *vm, const struct exit *x, const char *why)
{
    vm->end = VM_END_STOPPED;
    vm->vcpu.todo |= TODO_END;
    vm_disconnect(vm);
    log_error("guest %s stopped: %s", vm->config->name, why);
    dump_guest(&vm->vcpu, x);
}
