/* One page of guest memory into the EPT; see vm_touch.h.  Nothing has to be invalidated: the
 * processor keeps no translation of what was not present (SDM Vol. 3C, "Operations that Invalidate
 * Cached Mappings"). */
#include "vmm/vm_touch.h"
#include "arch/x86_64/paging.h"
#include "vmm/gmem.h"

err_t vm_touch(struct vm *vm, gpa_t gpa)
{
    const gpa_t page = {ALIGN_DOWN(gpa.v, PAGE_SIZE)};
    const void *ram = gmem_pointer(vm, page, PAGE_SIZE);

    if (!ram)
        return E_RANGE;
    TRY(ept_map(&vm->ept, page, virt_to_phys(ram), PAGE_SIZE, EPT_RWX | EPT_WB));
    vm->touched++;
    return OK;
}
