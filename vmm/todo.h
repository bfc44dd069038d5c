/* Work between an exit and the next entry that most exits do not have: vcpu.todo. */
#pragma once
#include "vmm/vcpu.h"

/* Does what v->todo says, until it is 0 or the guest has ended (vm->end).  x: the exit just handled;
 * x->tsc moves forward by what the vCPU slept. */
void vcpu_do_todo(struct vcpu *v, struct exit *x);
