/* The short ways to the control partition and back, on one CPU: in the guest's turn, in the middle
 * of an exit, and without the scheduler. */
#pragma once
#include "lib/types.h"

struct exit;
struct vcpu;

/* `control` waits on this CPU, and v's request has been put before it.  It runs until it replies to
 * that and waits again: true, and *value is the reply.  False: it had to stop before that, and has
 * been woken to go on in a turn of its own; v waits for the reply.  With no lock. */
bool control_call(struct vcpu *v, struct vcpu *control, u64 *value);

/* v has rung a doorbell of the control partition's, which waits on this CPU, and goes to sleep now
 * or has had the time that it was to go on for.  The control partition runs in v's turn until it
 * waits again, v's devices want to be looked at, or the turn ends.  True: v->todo says what is to
 * be looked at, and x->tsc has moved forward.  False: nothing was done, v has to leave, and it will
 * run after that.  With no lock. */
bool control_serve(struct vcpu *v, struct exit *x);
