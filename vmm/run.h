/* The loop: enter, exit, decide. */
#pragma once

struct vcpu;

/* Whose turn comes after that of a vCPU that has left, for v->leave; its state is loaded
 * (vmm/vcpu_load.h).  NULL: nobody's, or that is not known yet. */
typedef struct vcpu *vcpu_next(struct vcpu *v);

/* Runs a vCPU whose state this CPU has loaded, and those after it, until next() gives NULL.  Who
 * left last. */
struct vcpu *vcpu_run(struct vcpu *v, vcpu_next *next);
