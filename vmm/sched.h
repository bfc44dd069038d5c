/* The run queue of one physical CPU: which entity runs from now on, and until when nothing has to
 * be decided anew.  Strict priorities; within one, rounds in which each entity may run in
 * proportion to its weight; caps.  Pure. Owner: the CPU; lock: the caller's.  Times are TSC ticks;
 * a `now` before the last one counts as the last one.  An entity is on one queue at most and stays
 * where it is in memory meanwhile. */
#pragma once
#include "lib/types.h"

#define SCHED_PRIORITIES     8u /* 0 lowest, 7 highest */
#define SCHED_WEIGHT_DEFAULT 100u
#define SCHED_WEIGHT_MAX     1000u
#define SCHED_TICKS_MAX      BIT(40) /* of a slice, of a period */
#define SCHED_NEVER          (~0ull)

enum sched_state {
    SCHED_OFF, /* on no queue */
    SCHED_BLOCKED,
    SCHED_READY,
    SCHED_RUNNING,
    SCHED_THROTTLED /* wants to run and has used up its budget */
};

struct sched_link {
    struct sched_link *next, *prev;
};

struct sched_entity {
    /* The caller's, constant while on a queue. */
    u8 priority;
    u32 weight;         /* 1 to SCHED_WEIGHT_MAX */
    u64 budget, period; /* at most `budget` ticks in each period; budget 0: no cap */

    /* For everybody to read. */
    enum sched_state state;
    u64 wake;        /* TSC at which it gets ready by itself, while BLOCKED or THROTTLED */
    u64 ran;         /* ticks on the CPU */
    u64 waited;      /* ticks READY, until it last left that state ... */
    u64 ready_since; /* ... and since when it is READY now */

    /* sched.c's. */
    struct sched_link link; /* in a list of its level, or among the timers */
    struct sched_queue *queue;
    i64 credit;  /* ticks that it may run in this round; below 0: ran too long */
    i64 floor;   /* its turn ends at this credit; not 0 only after sched_yield_to() */
    u64 round;   /* of its level, in which `credit` was brought up to date */
    i64 tokens;  /* ticks left in this period; below 0: debt */
    u64 refill;  /* TSC of the next period's begin */
    bool hungry; /* when it last left the CPU, most of its round's credit was used */
};

struct sched_level {
    struct sched_link active;  /* READY, may run in this round */
    struct sched_link expired; /* READY, has to wait for the next one */
    u64 round;
};

struct sched_queue {
    struct sched_level level[SCHED_PRIORITIES];
    struct sched_link timers; /* BLOCKED or THROTTLED, `wake` is not SCHED_NEVER; by `wake` */
    struct sched_entity *running;
    u64 now;     /* up to where everything is charged */
    u64 unit;    /* ticks in a round per unit of weight */
    u32 count;   /* entities */
    u32 ready;   /* bit p: level p has a READY one */
    u64 waiting; /* the weights of the hungry ones that are READY */
};

/* `slice`: ticks in a round of an entity of the default weight, 100 to SCHED_TICKS_MAX (clamped to
 * that), rounded down to a multiple of 100 so that shares are exact. */
void sched_queue_init(struct sched_queue *q, u64 slice, u64 now);

/* Adds an entity, BLOCKED until sched_wake(), with a round's credit and a full budget; its counters
 * go on.  E_EXIST: it is on a queue; E_RANGE: priority, weight or period, or budget > period. */
err_t sched_add(struct sched_queue *q, struct sched_entity *e, u64 now);
/* The same for one that has left another queue, of the same slice: what it has used there it cannot
 * use once more.  It waits for this queue's next round, its debts are its debts, and its budget is
 * what was left of it. */
err_t sched_join(struct sched_queue *q, struct sched_entity *e, u64 now);
/* Whatever its state.  Nothing if it is not on this queue. */
void sched_remove(struct sched_queue *q, struct sched_entity *e, u64 now);

/* A blocked entity wants to run; otherwise nothing.  true: this CPU has to call sched_pick(), or
 * its timer may be too late -- what sched_deadline() said before holds no more. */
bool sched_wake(struct sched_queue *q, struct sched_entity *e, u64 now);
/* Takes the CPU from an entity, or its wish to run, until `wake` or sched_wake().  The caller sees
 * to it that no event comes between its last look and this.  On to sched_pick(). */
void sched_block(struct sched_queue *q, struct sched_entity *e, u64 wake, u64 now);
/* The running one gives up the rest of its round, if another of its priority is READY.  On to
 * sched_pick(). */
void sched_yield_turn(struct sched_queue *q, u64 now);
/* The running one lets `target`, READY on this queue and not of lower priority, run next: no longer
 * than its own turn would have been, and at the expense of target's own credit, of this round and
 * at most the next one; so no share changes, and nobody starves by it.  It keeps its own credit and
 * goes on after that.  true: on to sched_pick(); false: target cannot, and nothing was done. */
bool sched_yield_to(struct sched_queue *q, struct sched_entity *target, u64 now);

/* The entity to run from now on; NULL: nobody wants to.  To be called after each of the above that
 * says so, and at the deadline; any more often changes nothing. */
struct sched_entity *sched_pick(struct sched_queue *q, u64 now);
/* The TSC by which sched_pick() is to be called if nothing happens; not before `now`.
 * SCHED_NEVER: the CPU is the running one's, or idle, until something happens. */
u64 sched_deadline(const struct sched_queue *q, u64 now);

/* The weights of those that want to run, READY or RUNNING, and use what they get: who mostly sleeps
 * may be READY often, too, and does not count.  SCHED_NEVER: one that wants to run is above that
 * priority, and who is of it might get nothing here. */
static inline u64 sched_load(const struct sched_queue *q, u32 priority)
{
    const struct sched_entity *e = q->running;

    if (q->ready >> priority >> 1 || (e && e->priority > priority))
        return SCHED_NEVER;
    return q->waiting + (e && e->hungry ? e->weight : 0);
}

/* Nobody else is on this queue. */
static inline bool sched_alone(const struct sched_queue *q, const struct sched_entity *e)
{
    return q->count == 1 && e->queue == q;
}
