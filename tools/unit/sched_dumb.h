/* vmm/sched.h done tick by tick, without lists, lazy accounts or closed forms: one array of
 * entities, in which a number says who is first. */
#pragma once
#include "lib/types.h"

enum { DUMB_MAX = 8 };
enum dumb_state { DUMB_OFF, DUMB_BLOCKED, DUMB_READY, DUMB_RUNNING, DUMB_THROTTLED };

struct dumb_entity {
    enum dumb_state state;
    u32 priority;
    i64 quantum, budget, period, credit, floor, tokens;
    u64 start, wake, ran, waited, round;
    bool hungry;
    u64 left;  /* when it was taken off the queue */
    i64 place; /* among those that wait for the CPU: the smallest first */
    i64 stamp; /* of blocking: the smallest wakes first */
};

struct dumb {
    struct dumb_entity e[DUMB_MAX];
    u64 now, round[8];
    i64 first, last; /* places and stamps given out at either end */
    int running;     /* index, -1: idle */
};

static bool dumb_capped(const struct dumb_entity *e)
{
    return e->budget && e->budget < e->period;
}

static bool dumb_waits(const struct dumb *d, u32 priority)
{
    for (int i = 0; i < DUMB_MAX; i++)
        if (d->e[i].state == DUMB_READY && d->e[i].priority == priority)
            return true;
    return false;
}

static void dumb_throttle(struct dumb *d, struct dumb_entity *e)
{
    e->state = DUMB_THROTTLED;
    e->floor = 0;
    e->stamp = ++d->last;
}

static void dumb_ready(struct dumb *d, struct dumb_entity *e)
{
    if (dumb_capped(e) && e->tokens <= 0) {
        dumb_throttle(d, e);
        return;
    }
    for (; e->round != d->round[e->priority]; e->round++)
        e->credit = MIN(e->credit + e->quantum, e->quantum);
    e->state = DUMB_READY;
    e->place = ++d->last;
}

static bool dumb_due(const struct dumb *d, const struct dumb_entity *e)
{
    if (e->state == DUMB_THROTTLED)
        return e->tokens > 0;
    return e->state == DUMB_BLOCKED && e->wake <= d->now;
}

/* In the order of blocking; what is not yet due cannot be overtaken, since this is called each
 * tick. */
static void dumb_timers(struct dumb *d)
{
    for (;;) {
        struct dumb_entity *first = NULL;
        for (int i = 0; i < DUMB_MAX; i++)
            if (dumb_due(d, &d->e[i]) && (!first || d->e[i].stamp < first->stamp))
                first = &d->e[i];
        if (!first)
            return;
        dumb_ready(d, first);
    }
}

static void dumb_tick(struct dumb *d)
{
    d->now++;
    for (int i = 0; i < DUMB_MAX; i++) {
        struct dumb_entity *e = &d->e[i];
        e->waited += e->state == DUMB_READY;
        if (e->state == DUMB_RUNNING)
            e->ran++, e->credit--, e->tokens--;
        if (e->state != DUMB_OFF && e->period && (d->now - e->start) % (u64)e->period == 0)
            e->tokens = MIN(e->tokens + e->budget, e->budget);
    }
    dumb_timers(d);
}

static void dumb_off_cpu(struct dumb *d)
{
    struct dumb_entity *e = &d->e[d->running];

    d->running = -1;
    if (dumb_capped(e) && e->tokens <= 0) {
        dumb_throttle(d, e);
        return;
    }
    e->state = DUMB_READY;
    e->place = e->credit > e->floor ? --d->first : ++d->last;
    if (e->credit <= e->floor)
        e->floor = 0, e->hungry = true;
}

static int dumb_first(const struct dumb *d, u32 priority)
{
    int first = -1;

    for (int i = 0; i < DUMB_MAX; i++) {
        const struct dumb_entity *e = &d->e[i];
        if (e->state == DUMB_READY && e->priority == priority && e->credit > e->floor)
            if (first < 0 || e->place < d->e[first].place)
                first = i;
    }
    return first;
}

static int dumb_pick(struct dumb *d)
{
    u32 priority = 8;

    dumb_timers(d);
    if (d->running >= 0)
        dumb_off_cpu(d);
    while (priority-- && !dumb_waits(d, priority))
        ;
    if (priority > 7)
        return -1;
    while ((d->running = dumb_first(d, priority)) < 0) {
        d->round[priority]++;
        for (int i = 0; i < DUMB_MAX; i++)
            if (d->e[i].state == DUMB_READY && d->e[i].priority == priority)
                d->e[i].credit += d->e[i].quantum, d->e[i].round++;
    }
    d->e[d->running].state = DUMB_RUNNING;
    return d->running;
}

static void dumb_wake(struct dumb *d, int i)
{
    dumb_timers(d);
    if (d->e[i].state == DUMB_BLOCKED)
        dumb_ready(d, &d->e[i]);
}

static void dumb_block(struct dumb *d, int i, u64 wake)
{
    dumb_timers(d);
    if (d->running == i)
        d->running = -1;
    d->e[i].hungry = d->e[i].credit < d->e[i].quantum / 2;
    d->e[i].state = DUMB_BLOCKED;
    d->e[i].floor = 0;
    d->e[i].wake = wake;
    d->e[i].stamp = ++d->last;
}

static void dumb_remove(struct dumb *d, int i)
{
    const bool hungry = d->e[i].hungry;

    dumb_block(d, i, ~0ull);
    d->e[i].hungry = hungry;
    d->e[i].state = DUMB_OFF;
    d->e[i].left = d->now;
}

static void dumb_add(struct dumb *d, int i)
{
    struct dumb_entity *e = &d->e[i];

    dumb_timers(d);
    e->state = DUMB_BLOCKED;
    e->wake = ~0ull;
    e->start = d->now;
    e->credit = e->quantum;
    e->hungry = false;
    e->tokens = e->budget;
    e->round = d->round[e->priority];
}

/* One that was on a queue before: its periods have gone on, its debt is still there. */
static void dumb_join(struct dumb *d, int i)
{
    struct dumb_entity *e = &d->e[i];
    const struct dumb_entity before = *e;

    dumb_add(d, i);
    e->credit = MIN(before.credit, 0);
    e->tokens = before.tokens;
    e->start = before.start;
    e->hungry = before.hungry;
    for (u64 t = before.left + 1; t <= d->now && e->period; t++)
        if ((t - e->start) % (u64)e->period == 0)
            e->tokens = MIN(e->tokens + e->budget, e->budget);
}

static void dumb_yield(struct dumb *d)
{
    dumb_timers(d);
    if (d->running < 0 || !dumb_waits(d, d->e[d->running].priority))
        return;
    d->e[d->running].floor = 0;
    d->e[d->running].credit = MIN(d->e[d->running].credit, 0);
    dumb_off_cpu(d);
}

static bool dumb_yield_to(struct dumb *d, int to)
{
    struct dumb_entity *t = &d->e[to];

    dumb_timers(d);
    if (d->running < 0 || t->state != DUMB_READY || t->priority < d->e[d->running].priority)
        return false;
    if (t->priority > d->e[d->running].priority)
        return true;
    const i64 turn = d->e[d->running].credit - d->e[d->running].floor;
    if (turn <= 0 || t->credit <= -t->quantum)
        return false;
    dumb_off_cpu(d);
    t->floor = MAX(t->credit - turn, -t->quantum);
    t->place = --d->first;
    return true;
}
