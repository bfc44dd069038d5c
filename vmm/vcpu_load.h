/* A virtual CPU's state on and off the physical CPU that has it. */
#pragma once
#include "vmm/vcpu.h"

/* This CPU's processor holds the state of `v`, whose turn it is; what it held before is saved. */
/* The CPU of the vCPU that is loaded to one of the control partition's, for a while, and back. That
 * one's VMCS keeps it from all that vmm/vcpu_switch.h is about -- no FPU, since CR0.TS stays set,
 * no debug registers, none of these MSRs -- but CR2 and, by SWAPGS, KERNEL_GS_BASE: all else stays
 * in the processor. */
void vcpu_lend(struct vcpu *to);
void vcpu_take_back(void);
void vcpu_load(struct vcpu *v);
/* Nothing of `v` is in this CPU's processor any more: another may load it, or its memory may go. */
void vcpu_unload(struct vcpu *v);
/* Saves whatever vCPU's state this CPU holds: a VMCS of another may be made current. */
void vcpu_put_aside(void);
