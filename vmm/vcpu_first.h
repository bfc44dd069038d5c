/* The first registers of a guest's first virtual CPU, as a loader wants them. */
#pragma once
#include "abi/control.h"
#include "vmm/vm.h"

/* v is this CPU's, or no other one's yet. */
void vcpu_set_first(struct vcpu *v, const struct abi_registers *r);
