/* Work between an exit and the next entry that most exits do not have: vcpu.todo. */
#pragma once
#include "vmm/vcpu.h"

/* Does what v->todo says, until it is 0, and decides which event goes in.  False: no entry now,
 * v->leave says why.  x: the exit just handled; x->tsc moves forward by what the vCPU slept. */
bool vcpu_prepare(struct vcpu *v, struct exit *x);
