/* From a guest's vCPU that waits for a reply straight to the control partition on the same CPU, and
 * back: within the guest's turn, at the guest's expense, and without the scheduler. */
#pragma once
#include "vmm/cpu_share.h"

/* After vcpu_run(v), if v->forward.to says that the control partition was not woken for v's
 * request. Returns the vCPU that left last, whose turn this is by now; v, if it is another one,
 * waits. */
struct vcpu *handoff(struct cpu_share *c, struct vcpu *v);
