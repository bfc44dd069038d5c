/* From a plan to a loaded guest: judge, copy, set the first processor's registers. */
#include "vmm/vm_image.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "vmm/bootinfo.h"
#include "vmm/control_image.h"
#include "vmm/gmem.h"
#include "vmm/guest_plan.h"
#include "vmm/vcpu_first.h"

_Static_assert((u32)LOAD_LONG_64 == ABI_LONG_64 && (u32)LOAD_PROTECTED_32 == ABI_PROTECTED_32,
               "one numbering");

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

static void set_registers(struct vcpu *v, const struct guest_plan *plan)
{
    vcpu_set_first(v, &(struct abi_registers){.mode = plan->mode,
                                              .gdt_limit = plan->gdt_limit,
                                              .gdt = plan->gdt.v,
                                              .rip = plan->rip,
                                              .rsp = plan->rsp,
                                              .cr3 = plan->cr3,
                                              .rax = plan->rax,
                                              .rbx = plan->rbx,
                                              .rsi = plan->rsi,
                                              .rdi = plan->rdi});
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
    log_error("guest %s: %s%s", vm->config->name, fault,
              plan && plan->reason[0] ? "" : "; BOOTX64.EFI and hv.elf must be of one build");
    return NULL;
}

err_t vm_image_load(struct vm *vm)
{
    const struct guest_plan *plan;

    if (vm->id == VM_CONTROL)
        return load_control(vm);
    if (!lent && bootinfo_is_made(vm->id)) {
        vcpu_wait_for_first(vm->vcpu[0]);
        return OK;
    }
    plan = lent ? lent : find_plan(vm);
    return plan ? apply(vm, plan) : E_INVAL;
}
