/* A virtual CPU comes and goes. */
#pragma once
#include "vmm/vm.h"

/* The registers of its vCPUs' local APICs are in pages that the processor works with. */
bool vcpu_gets_apic_page(const struct vm *vm);
/* Makes vm->vcpu[id], which is the next: memory, VMCS, the state after reset.  Its memory is the
 * hypervisor's.  E_NOMEM: nothing is left of it. */
err_t vcpu_create(struct vm *vm, u32 id);
/* VPIDs that are not free: one for each virtual CPU. */
u32 vcpu_vpids_in_use(void);
/* The last one of vm->vcpu[]. */
void vcpu_destroy(struct vcpu *v);
