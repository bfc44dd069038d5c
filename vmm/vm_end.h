/* The end of a guest, which any of its virtual CPUs may bring about. */
#pragma once
#include "vmm/vm.h"

/* The first one counts.  All vCPUs leave their CPUs. */
void vm_end(struct vm *vm, enum vm_end how, u32 value);
/* For a guest's own fault: `why` in words for the log, and a full dump of the vCPU, whose turn it
 * is. */
void vm_stop(struct vcpu *v, const struct exit *x, const char *why);

/* Nothing but an NMI, INIT or SIPI can wake it: if that is so for all, the guest has halted. */
void vm_vcpu_dead(struct vcpu *v);
void vm_vcpu_alive(struct vcpu *v);
