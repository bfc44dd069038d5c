/* From a plan to a loaded guest: judge, copy, set the first processor's registers. */
#include "vmm/vm_image.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "vmm/bootinfo.h"
#include "vmm/control_image.h"
#include "vmm/gmem.h"
#include "vmm/guest_plan.h"
#include "vmm/policy/cr.h"

#define SEL_GUEST_CODE    0x10u
#define SEL_GUEST_DATA    0x18u
#define AR_CODE_64        0xa09bu
#define AR_CODE_32        0xc09bu
#define AR_DATA           0xc093u
#define AR_TSS_BUSY       0x8bu
#define TSS_LIMIT         0x67u /* the least there can be; PVH wants it so */
#define ENTRY_IA32E_GUEST BIT(9)

static const struct guest_plan *lent;

void vm_image_lend(const struct guest_plan *plan)
{
    lent = plan;
}

static err_t copy_segments(const struct vm *vm, const struct guest_plan *plan)
{
    for (u32 i = 0; i < plan->segments; i++) {
        const struct guest_segment *s = &plan->segment[i];

        /* What lies beyond len up to room is zero already: the memory is new. */
        TRY(gmem_write(vm, s->to, phys_to_virt(s->from), s->len));
    }
    return OK;
}

static void set_segment(struct guest_state *g, enum guest_field es_relative, u64 selector, u64 ar)
{
    const u32 n = es_relative - GS_ES_SEL;

    gs_set(g, es_relative, selector);
    gs_set(g, (enum guest_field)(GS_ES_BASE + n), 0);
    gs_set(g, (enum guest_field)(GS_ES_LIMIT + n), 0xffffffff);
    gs_set(g, (enum guest_field)(GS_ES_AR + n), ar);
}

static void set_segments(struct guest_state *g, const struct guest_plan *plan)
{
    static const enum guest_field data[] = {GS_ES_SEL, GS_SS_SEL, GS_DS_SEL, GS_FS_SEL, GS_GS_SEL};

    for (size_t i = 0; i < ARRAY_LEN(data); i++)
        set_segment(g, data[i], SEL_GUEST_DATA, AR_DATA);
    set_segment(g, GS_CS_SEL, SEL_GUEST_CODE, plan->mode == LOAD_LONG_64 ? AR_CODE_64 : AR_CODE_32);
    gs_set(g, GS_TR_AR, AR_TSS_BUSY);
    gs_set(g, GS_TR_LIMIT, TSS_LIMIT);
    gs_set(g, GS_GDTR_BASE, plan->gdt.v);
    gs_set(g, GS_GDTR_LIMIT, plan->gdt_limit);
    gs_set(g, GS_IDTR_LIMIT, 0);
}

static void set_registers(struct vcpu *v, const struct guest_plan *plan)
{
    struct guest_state *g = &v->vmx.guest;
    u64 *r = g->regs.r;
    const bool long_mode = plan->mode == LOAD_LONG_64;
    const u64 cr0 = CR0_PE | CR0_ET | (long_mode ? CR0_PG : 0) |
                    (v->vm->id == VM_CONTROL ? CR0_TS : 0); /* it has no FPU */
    const u64 cr4 = long_mode ? CR4_PAE : 0;

    gs_set(g, GS_CR0, cr0 | CR0_NE);
    gs_set(g, GS_CR0_SHADOW, cr0);
    gs_set(g, GS_CR4, cr4 | CR4_FORCED);
    gs_set(g, GS_CR4_SHADOW, cr4);
    gs_set(g, GS_CR3, plan->cr3);
    if (long_mode) {
        gs_set(g, GS_EFER, EFER_LME | EFER_LMA);
        gs_set(g, GS_ENTRY_CONTROLS, gs_get(g, GS_ENTRY_CONTROLS) | ENTRY_IA32E_GUEST);
    }
    set_segments(g, plan);
    gs_set(g, GS_RIP, plan->rip);
    gs_set(g, GS_RSP, plan->rsp);
    r[RAX] = plan->rax;
    r[RBX] = plan->rbx;
    r[RSI] = plan->rsi;
    r[RDI] = plan->rdi;
    r[RDX] = 0;
}

static err_t apply(const struct vm *vm, const struct guest_plan *plan)
{
    TRY(copy_segments(vm, plan));
    set_registers(vm->vcpu[0], plan);
    return OK;
}

static err_t load_control(const struct vm *vm)
{
    static struct guest_plan plan;
    err_t err = control_image_plan(vm, &plan);

    if (err == OK)
        err = apply(vm, &plan);
    if (err != OK)
        log_error("control partition: control.elf does not fit; give it more control_memory");
    return err;
}

/* NULL: the loader has made none that can be applied; the reason is logged. */
static const struct guest_plan *find_plan(const struct vm *vm)
{
    const struct boot_info *info = bootinfo();
    const u64 at = info->plans + vm->id * sizeof(struct guest_plan);
    const struct guest_plan *plan =
        guest_plan_is_loaders(info, at, sizeof(*plan)) ? phys_to_virt((hpa_t){at}) : NULL;
    const char *fault =
        plan ? guest_plan_fault(plan, vm, info) : "its plan: not in the loader's memory";

    if (!fault)
        return plan;
    log_error("guest %s: %s", vm->config->name, fault);
    return NULL;
}

err_t vm_image_load(struct vm *vm)
{
    const struct guest_plan *plan;

    if (vm->id == VM_CONTROL)
        return load_control(vm);
    plan = lent ? lent : find_plan(vm);
    return plan ? apply(vm, plan) : E_INVAL;
}
