/* The loop: enter, exit, decide. */
#pragma once

struct vcpu;

/* Runs a vCPU whose state this CPU has loaded (vmm/vcpu_load.h), until it leaves: v->leave says
 * why. */
void vcpu_run(struct vcpu *v);
/* The same for a vCPU that has left with LEAVE_WAITS, on this CPU and just now, and need not wait
 * any more: its devices are looked at only if they are due. */
void vcpu_run_on(struct vcpu *v);
