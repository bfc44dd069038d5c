/* The short way to the control partition and back, on one CPU: in the guest's turn, in the middle
 * of the exit that asks, and without the scheduler. */
#pragma once
#include "lib/types.h"

struct vcpu;

/* `control` waits on this CPU, and v's request has been put before it.  It runs until it replies to
 * that and waits again: true, and *value is the reply.  False: it had to stop before that, and has
 * been woken to go on in a turn of its own; v waits for the reply.  With no lock. */
bool control_call(struct vcpu *v, struct vcpu *control, u64 *value);
