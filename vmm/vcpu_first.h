/* The first registers of a guest's first virtual CPU, as a loader wants them. */
#pragma once
#include "abi/control.h"
#include "vmm/vm.h"

/* The guest's memory has no image yet: the control partition puts one there, and says where v is to
 * begin; till then v waits. */
void vcpu_wait_for_first(struct vcpu *v);
/* E_INVAL: nothing can begin with these registers; E_PERM: the guest does not wait for any.
 * The guest is held (vmm/partition.h). */
err_t vm_give_first(struct vm *vm, const struct abi_registers *r);
/* v's own CPU: whether it has them now, and goes on. */
bool vcpu_takes_first(struct vcpu *v);

/* v is this CPU's, or no other one's yet. */
void vcpu_set_first(struct vcpu *v, const struct abi_registers *r);
