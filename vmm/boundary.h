/* The boundary: the control partition as the rest of vmm/ meets it -- whether it is there, its
 * events, the requests that wait for it.
 * Lock order: partitions (vmm/partition.h) -> a VM's board -> boundary.lock -> the queue of a CPU.
 */
#pragma once
#include "abi/control.h"
#include "arch/x86_64/spinlock.h"
#include "lib/types.h"

struct vcpu;
struct vm;

/* What a virtual CPU that has left with LEAVE_WAITS waits for: vcpu.away.waits. */
enum wait_kind {
    WAIT_NOTHING,
    WAIT_REPLY, /* a guest's: the reply to its request */
    WAIT_EVENT, /* the control partition's: an event, at the latest v->wake */
    WAIT_TIME,  /* the same's: v->wake alone */
    WAIT_FIRST, /* of a guest that was made, its first: its registers (vmm/vcpu_first.h) */
};

struct boundary {
    struct spinlock lock;
    struct vcpu *control;  /* NULL: it is down */
    bool over;             /*   and does not come back */
    struct abi_info *info; /* both in its memory: hostile */
    struct abi_request *slots;
    u64 news; /* what the next wait ends with: words of the info page, ABI_NEWS_*; atomic */
    u64 taken[ABI_WORDS(ABI_SLOTS)];
    struct {
        struct vcpu *v; /* waits for this slot's reply; NULL: nobody does */
        u32 sequence;
        u32 deaths; /* at which the request that waits was being served */
    } slot[ABI_SLOTS];
};
extern struct boundary boundary;

/* It is there, and gets events from now on, and first the requests that have waited for it; `info`
 * is filled. */
void boundary_open(struct vcpu *control, struct abi_info *info, struct abi_request *slots);
/* Whether it is there. */
bool boundary_is_open(void);
/* Whether it has gone for good. */
bool boundary_is_over(void);
/* It is gone.  What waits for it goes on waiting for its next life, but for a request that it was
 * serving, and has been before at a death: that gets ones.  For good: all do, now and later. */
void boundary_close(bool for_good);

/* An event for the control partition.  From anywhere, with no lock that comes behind
 * boundary.lock. */
void event_post(u32 port);

/* The same for a doorbell that v rings, in its turn: on one CPU, it goes on for a while first.
 * False: port is 0, there is none. */
bool event_ring(struct vcpu *v, u32 port);

/* A request slot for each virtual CPU of a guest that is made.  E_NOMEM: there are not so many. */
err_t boundary_enter(struct vm *vm);
/* The guest is about to be destroyed: nothing of it waits any more. */
void boundary_leave(struct vm *vm);

/* The request that v->forward.at describes; if the control partition is down, for its next life.
 * False: there will be none.  *at_hand, if it
 * is not NULL: it waits on this CPU, and is the caller's to run or to wake; else it is woken. */
bool boundary_request(struct vcpu *v, struct vcpu **at_hand);
/* v's own CPU has a reply to this slot: true, if it is the one that v waits for. */
bool boundary_takes(struct vcpu *v, u32 slot, u64 sequence);
/* E_RANGE: no such slot; E_NOENT: nothing waits there with this sequence. */
err_t boundary_reply(u32 slot, u32 sequence, u64 value);

/* The control partition waits, at the latest until this TSC value: v->away.waits says so, and the
 * caller sees to it that it does.  Otherwise it need not: its time has come, or there is something
 * new, which is returned. */
u64 boundary_wait(struct vcpu *v, u64 until, u64 now);
/* v gets its CPU.  If it is the control partition, the time in which it wanted to run and could not
 * is not counted when it is asked for signs of life: Lintel itself may need long for its log. */
void boundary_runs(const struct vcpu *v, u64 now);
/* Its wait is over, whatever for. */
void boundary_goes_on(struct vcpu *v, u64 now);
/* Whether what the control partition waits for has come: then it goes on. */
bool boundary_wait_is_over(struct vcpu *v);
