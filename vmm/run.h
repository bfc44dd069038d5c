/* The loop: enter, exit, decide. */
#pragma once

struct vcpu;

/* Runs a vCPU whose state this CPU has loaded (vmm/vcpu_load.h), until it leaves: v->leave says
 * why. */
void vcpu_run(struct vcpu *v);
