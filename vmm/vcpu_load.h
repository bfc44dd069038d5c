/* A virtual CPU's state on and off the physical CPU that has it. */
#pragma once
#include "vmm/vcpu.h"

/* This CPU's processor holds the state of `v`, whose turn it is; what it held before is saved. */
void vcpu_load(struct vcpu *v);
/* Nothing of `v` is in this CPU's processor any more: another may load it, or its memory may go. */
void vcpu_unload(struct vcpu *v);
/* Saves whatever vCPU's state this CPU holds: a VMCS of another may be made current. */
void vcpu_put_aside(void);
