/* One page of guest memory into the EPT; see vm_touch.h.  Nothing has to be invalidated: the
 * processor keeps no translation of what was not present (SDM Vol. 3C, "Operations that Invalidate
 * Cached Mappings"). */
#include "vmm/vm_touch.h"
#include "arch/x86_64/paging.h"
#include "vmm/gmem.h"
#include "vmm/vcpu_irq.h"

static err_t map(struct vcpu *v, gpa_t page, hpa_t ram)
{
    const err_t err = ept_map(&v->vm->ept, page, ram, PAGE_SIZE, EPT_RWX | EPT_WB);

    v->vm->touched += err == OK;
    return err == E_EXIST && v->shares_board ? OK : err; /* another vCPU was first */
}

err_t vm_touch(struct vcpu *v, gpa_t gpa)
{
    const gpa_t page = {ALIGN_DOWN(gpa.v, PAGE_SIZE)};
    const void *ram = gmem_pointer(v->vm, page, PAGE_SIZE);
    err_t err;

    if (!ram)
        return E_RANGE;
    board_lock(v);
    err = map(v, page, virt_to_phys(ram));
    board_unlock(v);
    return err;
}
