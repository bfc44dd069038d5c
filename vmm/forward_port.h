/* IN and OUT of a guest that is served: the short way of what vmm/forward.h does for everything. */
#pragma once
#include "vmm/policy/exit.h"

/* No string instruction.  False: no claimed port. */
bool forward_port(struct vcpu *v, const struct exit *x, enum verdict *verdict);
/* The instruction of v->forward.exit is done with this value. */
void forward_port_done(struct vcpu *v, u64 value);
