/* The life of a virtual CPU; see vcpu_life.h. */
#include "vmm/vcpu_life.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/tsc.h"
#include "vmm/hostmem.h"
#include "vmm/idalloc.h"
#include "vmm/percpu.h"
#include "vmm/policy/cr.h"
#include "vmm/policy/devices.h"
#include "vmm/policy/io.h"
#include "vmm/record.h"
#include "vmm/vm_memory.h"
#include "vmx/speculation.h"
#include "vmx/vmx.h"

#define PAGE(n) __attribute__((aligned(4096))) n

/* The same for every guest: nothing but the tables decides what they say. */
static u8 PAGE(msr_bitmap)[PAGE_SIZE];
static u8 PAGE(x2apic_msr_bitmap)[PAGE_SIZE];
static u8 PAGE(io_bitmap)[2][PAGE_SIZE];
static u8 PAGE(control_io_bitmap)[2][PAGE_SIZE]; /* the control partition's */
static u8 PAGE(control_msr_bitmap)[PAGE_SIZE];

/* Once: processors read them while guests run, and must not see them half built. */
static void build_bitmaps(void)
{
    static bool built;

    if (built)
        return;
    msr_bitmap_build(msr_bitmap);
    msr_bitmap_build(x2apic_msr_bitmap);
    msr_bitmap_pass_x2apic(x2apic_msr_bitmap);
    io_bitmap_build(io_bitmap[0], io_bitmap[1]);
    io_bitmap_build(control_io_bitmap[0], control_io_bitmap[1]);
    devices_pass(control_io_bitmap[0], control_io_bitmap[1]);
    msr_bitmap_build(control_msr_bitmap);
    msr_bitmap_keep_switched(control_msr_bitmap);
    built = true;
}

bool vcpu_gets_apic_page(const struct vm *vm)
{
    return RECORD_APIC_PAGE && vmx_facts()->delivers_interrupts &&
           vm->config->apicv == CONFIG_APICV_AUTO;
}

static err_t setup_apic(struct vcpu *v, hpa_t *access, hpa_t *page)
{
    *access = *page = (hpa_t){0};
    if (!vcpu_gets_apic_page(v->vm))
        return OK;
    TRY(vm_memory_map_apic(v->vm, v->id, access, page));
    v->apic_page = phys_to_virt(*page);
    return OK;
}

/* A vCPU that spins may wait for another of its guest, which could have this CPU meanwhile. */
static bool yields(const struct vcpu *v)
{
    return v->vm->config->vcpus > 1 && !v->pinned && vmx_facts()->exits_on_pause_loops;
}

static err_t setup_vmx(struct vcpu *v, hpa_t vmcs)
{
    const struct vm *vm = v->vm;
    const bool bare = vm->id == VM_CONTROL; /* vmm/vcpu_load.h, vcpu_lend() */
    u8(*const ports)[PAGE_SIZE] = bare ? control_io_bitmap : io_bitmap;
    hpa_t access, apic_page;

    build_bitmaps();
    TRY(setup_apic(v, &access, &apic_page));
    vmx_vcpu_setup(&v->vmx, &(struct vmx_vcpu_config){
                                .vmcs_page = vmcs,
                                .ept_root = virt_to_phys(vm->ept.root),
                                .vpid = v->vpid,
                                .msr_bitmap = virt_to_phys(bare ? control_msr_bitmap : msr_bitmap),
                                .x2apic_msr_bitmap = virt_to_phys(x2apic_msr_bitmap),
                                .io_bitmap_a = virt_to_phys(ports[0]),
                                .io_bitmap_b = virt_to_phys(ports[1]),
                                .exception_bitmap = BIT32(VEC_DB) | BIT32(VEC_AC) | BIT32(VEC_MC),
                                .cr0_mask = CR0_OWNED | (bare ? CR0_TS : 0),
                                .apic_page = apic_page,
                                .apic_access = access,
                                .cr4_mask = bare ? ~0ull : cr4_owned(vm->cpuid.cr4_mask),
                                .bare = bare,
                                .pause_loops = yields(v),
                                .mitigations = vmx_mitigation_plan()->flags,
                            });
    return OK;
}

static void place(struct vcpu *v)
{
    const struct config_guest *c = v->vm->config;

    v->sched = (struct sched_entity){.priority = (u8)c->priority, .weight = c->weight};
    if (c->cap) {
        v->sched.period = c->period * (tsc_hz / 1000);
        v->sched.budget = v->sched.period / 100 * c->cap;
    }
    v->cpus = c->cpus ? c->cpus : ~0ull;
    v->pinned = c->schedule == CONFIG_SCHEDULE_PINNED;
    v->counted = c->exits != 0;
    v->cpu = v->loaded_on = CPU_NONE;
    v->turn_ends = v->wake = SCHED_NEVER;
}

/* VPID 0 is the hypervisor's. */
#define VPID_LAST 0xffffu

static u64 vpid_bitmap[IDALLOC_WORDS(VPID_LAST)];
static struct idalloc vpids;

static err_t take_vpid(u16 *vpid)
{
    u32 id;

    if (vpids.last == 0)
        idalloc_init(&vpids, vpid_bitmap, 1, VPID_LAST);
    TRY(idalloc_take(&vpids, &id));
    *vpid = (u16)id;
    return OK;
}

static void release(struct vcpu *v)
{
    if (v->vpid && idalloc_give_back(&vpids, v->vpid) != OK)
        panic("vm %u: VPID %u was not its own", v->vm->id, v->vpid);
    if (v->vmx.vmcs.v)
        hostmem_page_free(phys_to_virt(v->vmx.vmcs));
    hostmem_pages_free(v->switched.fpu, fpu_area_bytes());
    hostmem_pages_free(v->stats, sizeof(*v->stats));
    hostmem_pages_free(v, sizeof(*v));
}

/* All that it needs, or nothing of it. */
static struct vcpu *allocate(struct vm *vm)
{
    struct vcpu *v = hostmem_pages(sizeof(*v));
    void *vmcs;

    if (!v)
        return NULL;
    v->vm = vm;
    v->stats = hostmem_pages(sizeof(*v->stats));
    v->switched.fpu = hostmem_pages(fpu_area_bytes());
    vmcs = hostmem_page();
    if (vmcs)
        v->vmx.vmcs = virt_to_phys(vmcs);
    if (v->stats && v->switched.fpu && vmcs && take_vpid(&v->vpid) == OK)
        return v;
    release(v);
    return NULL;
}

err_t vcpu_create(struct vm *vm, u32 id)
{
    struct vcpu *v = allocate(vm);

    if (!v)
        return E_NOMEM;
    v->id = id;
    v->shares_board = vm->config->vcpus > 1 || vm->config->served != CONFIG_SERVED_OFF;
    v->trace = &this_vmm_cpu()->trace; /* until a CPU loads it */
    v->trace_id = (u16)(vm->id << 8 | id);
    v->trace_exit = (u64)v->trace_id << 16 | TRACE_EXIT;
    place(v);
    if (setup_vmx(v, v->vmx.vmcs) != OK) {
        release(v);
        return E_NOMEM;
    }
    vcpu_switch_init(&v->switched, v->switched.fpu);
    exit_stats_reset(v->stats);
    vcpu_reset(v);
    vmx_vcpu_release(&v->vmx); /* no CPU's yet */
    vm->vcpu[vm->vcpus++] = v;
    return OK;
}

u32 vcpu_vpids_in_use(void)
{
    return vpids.used;
}

void vcpu_destroy(struct vcpu *v)
{
    v->vm->vcpu[--v->vm->vcpus] = NULL;
    release(v);
}
