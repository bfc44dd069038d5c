/* The event loop: what comes is given to whom it is for, one after another; nobody waits in his
 * handler. */
#pragma once
#include "abi/control.h"
#include "lib/types.h"

#define TIMERS     64u
#define TURN_USERS 8u

/* When an event has come, once or more often since the handler was called last. */
typedef void event_handler(void *ctx);
/* Whose event `port` is from now on; NULL: nobody's. */
void loop_on_event(u32 port, event_handler *handler, void *ctx);
/* An event port that nobody has; 0: there is none. */
u32 loop_free_port(void);

/* A guest's access that waits.  It is answered now or later by loop_reply(). */
typedef void request_handler(u32 slot, const struct abi_request *r);
void loop_on_request(request_handler *handler);
/* The last one of a turn goes out together with the wait for what comes next. */
void loop_reply(u32 slot, u32 sequence, u64 value);

/* turn() at the end of a turn in which an event or a timer came, when everything that came has been
 * given out: whoever looks at things by himself.  It returns the TSC value at which it wants to be
 * called again at the latest; ~0: when there is something else to do.  At most TURN_USERS. */
typedef u64 turn_function(void);
void loop_on_turn(turn_function *turn);
/* The same at the end of this turn, for a request that has made work. */
void loop_want_turn(void);

/* handler(ctx) once, at that TSC value or soon after; E_NOMEM: there are too many. */
err_t loop_at(u64 tsc, event_handler *handler, void *ctx);
void loop_forget(event_handler *handler, const void *ctx);

/* Looks by itself for what comes, and is never woken: for a control partition with a CPU of its
 * own. */
void loop_poll(bool on);
bool loop_polls(void);

NORETURN void loop_run(void);
