/* The run queue of one physical CPU.
 *
 * Rounds (deficit round robin).  Each priority counts rounds.  A round gives each entity a quantum
 * of credit, its weight times `unit`; running costs credit, and who has none left waits until
 * nobody READY has any: then the next round begins.  Who was preempted too late has less than none,
 * and pays in the next rounds: shares are exact whatever the lateness.  Who was blocked gets what
 * the rounds since then would have given, up to one quantum.  The running one is on no list.
 *
 * Time.  Each entry first comes to `now` in the order of what happened: the running one is charged
 * up to each timer that was due, then that entity is made ready.  So what follows does not
 * depend on how often, or how late, anybody looked, but for the one that ran too long.  Pure. */
#include "vmm/sched.h"
#include "vmm/sched_ticks.h"

/* ---------------------------------------------------------------- lists */
static void list_init(struct sched_link *list)
{
    list->next = list->prev = list;
}

static bool list_empty(const struct sched_link *list)
{
    return list->next == list;
}

static void list_add_after(struct sched_link *place, struct sched_link *link)
{
    link->next = place->next;
    link->prev = place;
    place->next->prev = link;
    place->next = link;
}

static void list_remove(struct sched_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

static struct sched_entity *entity_of(struct sched_link *link)
{
    return CONTAINER_OF(link, struct sched_entity, link);
}

static void timer_add(struct sched_queue *q, struct sched_entity *e)
{
    struct sched_link *place = q->timers.prev;

    if (e->wake == SCHED_NEVER)
        return;
    while (place != &q->timers && entity_of(place)->wake > e->wake)
        place = place->prev;
    list_add_after(place, &e->link);
}

/* Makes it READY at the end of the list that its credit says, or at the beginning of the active
 * one. */
static void ready_add(struct sched_queue *q, struct sched_entity *e, bool first)
{
    struct sched_level *level = &q->level[e->priority];
    struct sched_link *list = e->credit > 0 ? &level->active : &level->expired;

    list_add_after(first ? &level->active : list->prev, &e->link);
    q->ready |= BIT32(e->priority);
    q->waiting += e->hungry ? e->weight : 0;
    e->state = SCHED_READY;
    e->ready_since = q->now;
}

static void ready_remove(struct sched_queue *q, struct sched_entity *e)
{
    const struct sched_level *level = &q->level[e->priority];

    list_remove(&e->link);
    q->waiting -= e->hungry ? e->weight : 0;
    if (list_empty(&level->active) && list_empty(&level->expired))
        q->ready &= ~BIT32(e->priority);
    e->waited += q->now - e->ready_since;
}

/* ---------------------------------------------------------------- credit and rounds */
static u64 quantum(const struct sched_queue *q, const struct sched_entity *e)
{
    return q->unit * e->weight;
}

/* Another one of e's priority is READY; e is not. */
static bool has_mates(const struct sched_queue *q, const struct sched_entity *e)
{
    return q->ready & BIT32(e->priority);
}

static void spend_credit(struct sched_queue *q, struct sched_entity *e, u64 ticks)
{
    e->credit = minus(e->credit, ticks);
    if (has_mates(q, e) || e->credit >= e->floor)
        return;
    /* Alone, a turn follows the other; where one ends right now, sched_pick() begins the next. */
    e->floor = 0;
    e->hungry = true;
    if (e->credit < 0) {
        const u64 step = quantum(q, e), rounds = steps_up(e->credit + 1, step);
        e->credit += (i64)(rounds * step);
        e->round = q->level[e->priority].round += rounds;
    }
}

/* As many rounds as somebody needs to run: one, unless all of them ran far too long. */
static void begin_round(struct sched_queue *q, struct sched_level *level)
{
    struct sched_link *const end = &level->expired, *next;
    u64 rounds = SCHED_NEVER;

    for (struct sched_link *l = end->next; l != end; l = l->next) {
        const struct sched_entity *e = entity_of(l);
        const u64 needed = steps_up(e->credit, quantum(q, e));
        rounds = MIN(rounds, needed);
    }
    level->round += rounds;
    for (struct sched_link *l = end->next; l != end; l = next) {
        struct sched_entity *e = entity_of(l);
        next = l->next;
        e->credit = topped(e->credit, rounds, quantum(q, e));
        e->round = level->round;
        if (e->credit > 0) {
            list_remove(l);
            list_add_after(level->active.prev, l);
        }
    }
}

/* ---------------------------------------------------------------- caps */
static bool capped(const struct sched_entity *e)
{
    return e->budget != 0 && e->budget < e->period;
}

/* Begins the periods that are due, for one that did not run meanwhile. */
static void replenish(struct sched_entity *e, u64 now)
{
    if (!capped(e) || now < e->refill)
        return;
    const u64 periods = (now - e->refill) / e->period;
    e->refill = plus(e->refill + periods * e->period, e->period);
    e->tokens = topped(e->tokens, periods + 1, e->budget);
}

/* It ran in all of [from, until); refill > from. */
static void spend_tokens(struct sched_entity *e, u64 from, u64 until)
{
    if (!capped(e))
        return;
    if (until >= e->refill) {
        const u64 periods = (until - e->refill) / e->period; /* run from begin to end */
        e->tokens = topped(minus(e->tokens, e->refill - from), 1, e->budget);
        e->tokens = minus(e->tokens, periods * (e->period - e->budget));
        from = e->refill + periods * e->period;
        e->refill = plus(from, e->period);
    }
    e->tokens = minus(e->tokens, until - from);
}

/* When the running one, charged up to `now`, has used up its budget: what is left when a period
 * ends is lost, and the next budget is smaller than its period. */
static u64 budget_end(const struct sched_entity *e, u64 now)
{
    const u64 end = plus(now, (u64)MAX(e->tokens, 0));

    return e->tokens > 0 && end >= e->refill ? plus(e->refill, e->budget) : end;
}

static bool exhausted(const struct sched_entity *e)
{
    return capped(e) && e->tokens <= 0;
}

/* Until the first period that begins with more than a debt. */
static void throttle(struct sched_queue *q, struct sched_entity *e)
{
    u64 periods = steps_up(e->tokens, e->budget) - 1, ticks;

    if (__builtin_mul_overflow(periods, e->period, &ticks))
        ticks = SCHED_NEVER;
    e->state = SCHED_THROTTLED;
    e->floor = 0;
    e->wake = plus(e->refill, ticks);
    timer_add(q, e);
}

/* ---------------------------------------------------------------- time */
static void charge(struct sched_queue *q, u64 until)
{
    struct sched_entity *e = q->running;
    const u64 from = q->now;

    if (until <= from)
        return;
    q->now = until;
    if (!e)
        return;
    e->ran += until - from;
    spend_credit(q, e, until - from);
    spend_tokens(e, from, until);
}

/* A blocked or throttled one, which is on no list, wants to run from q->now on. */
static void make_ready(struct sched_queue *q, struct sched_entity *e)
{
    const u64 round = q->level[e->priority].round;

    replenish(e, q->now);
    if (exhausted(e)) {
        throttle(q, e);
        return;
    }
    e->credit = topped(e->credit, round - e->round, quantum(q, e));
    e->round = round;
    ready_add(q, e, false);
}

static bool timer_is_due(const struct sched_queue *q, u64 now)
{
    return !list_empty(&q->timers) && entity_of(q->timers.next)->wake <= now;
}

static NOINLINE void run_timers(struct sched_queue *q, u64 now)
{
    while (timer_is_due(q, now)) {
        struct sched_entity *e = entity_of(q->timers.next);
        list_remove(&e->link);
        charge(q, e->wake);
        make_ready(q, e);
    }
}

static inline void advance(struct sched_queue *q, u64 now)
{
    if (unlikely(timer_is_due(q, now)))
        run_timers(q, now);
    if (now > q->now)
        charge(q, now);
}

/* ---------------------------------------------------------------- who runs */
/* The running one off the CPU: it goes on as the first of its level, if its turn has not ended. */
static void put_back(struct sched_queue *q)
{
    struct sched_entity *e = q->running;

    q->running = NULL;
    if (exhausted(e)) {
        throttle(q, e);
        return;
    }
    const bool goes_on = e->credit > e->floor;
    if (!goes_on) {
        e->floor = 0;
        e->hungry = true;
    }
    ready_add(q, e, goes_on);
}

struct sched_entity *sched_pick(struct sched_queue *q, u64 now)
{
    advance(q, now);
    if (q->running)
        put_back(q);
    if (!q->ready)
        return NULL;
    struct sched_level *level = &q->level[31 - __builtin_clz(q->ready)];
    if (list_empty(&level->active))
        begin_round(q, level);
    struct sched_entity *e = entity_of(level->active.next);
    ready_remove(q, e);
    replenish(e, q->now);
    e->state = SCHED_RUNNING;
    q->running = e;
    return e;
}

u64 sched_deadline(const struct sched_queue *q, u64 now)
{
    const struct sched_entity *e = q->running;
    const u32 lowest = e ? e->priority : 0; /* that can matter */
    u64 end = SCHED_NEVER;

    if (q->ready >> lowest >> (e ? 1 : 0))
        return now;
    if (e && has_mates(q, e))
        end = plus(q->now, (u64)MAX(e->credit - e->floor, 0));
    if (e && capped(e)) {
        const u64 budget = budget_end(e, q->now);
        end = MIN(end, budget);
    }
    for (struct sched_link *l = q->timers.next; l != &q->timers; l = l->next) {
        if (entity_of(l)->priority < lowest)
            continue;
        end = MIN(end, entity_of(l)->wake);
        break;
    }
    return MAX(end, now);
}

/* ---------------------------------------------------------------- what happens to entities */
void sched_queue_init(struct sched_queue *q, u64 slice, u64 now)
{
    const u64 most = MIN(slice, SCHED_TICKS_MAX);

    *q = (struct sched_queue){.now = now, .unit = MAX(most / SCHED_WEIGHT_DEFAULT, 1)};
    list_init(&q->timers);
    for (u32 p = 0; p < SCHED_PRIORITIES; p++) {
        list_init(&q->level[p].active);
        list_init(&q->level[p].expired);
    }
}

err_t sched_add(struct sched_queue *q, struct sched_entity *e, u64 now)
{
    if (e->state != SCHED_OFF)
        return E_EXIST;
    if (e->priority >= SCHED_PRIORITIES || e->weight < 1 || e->weight > SCHED_WEIGHT_MAX)
        return E_RANGE;
    if (e->budget > e->period || e->period > SCHED_TICKS_MAX)
        return E_RANGE;
    advance(q, now);
    e->state = SCHED_BLOCKED;
    e->wake = SCHED_NEVER;
    list_init(&e->link);
    e->queue = q;
    e->credit = (i64)quantum(q, e);
    e->floor = 0;
    e->hungry = false;
    e->round = q->level[e->priority].round;
    e->tokens = (i64)e->budget;
    e->refill = plus(q->now, e->period);
    q->count++;
    return OK;
}

err_t sched_join(struct sched_queue *q, struct sched_entity *e, u64 now)
{
    const struct sched_entity before = *e;

    TRY(sched_add(q, e, now));
    e->credit = MIN(before.credit, 0);
    e->tokens = before.tokens;
    e->refill = before.refill;
    e->hungry = before.hungry;
    return OK;
}

/* Off every list and off the CPU. */
static void take_away(struct sched_queue *q, struct sched_entity *e)
{
    switch (e->state) {
    case SCHED_READY: ready_remove(q, e); break;
    case SCHED_RUNNING: q->running = NULL; break;
    case SCHED_BLOCKED:
    case SCHED_THROTTLED: list_remove(&e->link); break;
    case SCHED_OFF: break;
    }
    e->floor = 0;
}

void sched_remove(struct sched_queue *q, struct sched_entity *e, u64 now)
{
    if (e->queue != q)
        return;
    advance(q, now);
    take_away(q, e);
    e->state = SCHED_OFF;
    e->queue = NULL;
    q->count--;
}

void sched_block(struct sched_queue *q, struct sched_entity *e, u64 wake, u64 now)
{
    if (e->queue != q)
        return;
    advance(q, now);
    take_away(q, e);
    e->hungry = e->credit < (i64)quantum(q, e) / 2;
    e->state = SCHED_BLOCKED;
    e->wake = wake;
    timer_add(q, e);
}

bool sched_wake(struct sched_queue *q, struct sched_entity *e, u64 now)
{
    if (e->queue != q || e->state != SCHED_BLOCKED)
        return false;
    advance(q, now);
    const bool had_mates = has_mates(q, e);
    if (e->state == SCHED_BLOCKED) {
        list_remove(&e->link);
        make_ready(q, e);
    }
    if (!q->running || e->priority > q->running->priority)
        return true;
    /* The running one's turn gets an end now, or there is a new timer. */
    return e->priority == q->running->priority && (!had_mates || e->state == SCHED_THROTTLED);
}

void sched_yield_turn(struct sched_queue *q, u64 now)
{
    advance(q, now);
    if (!q->running || !has_mates(q, q->running))
        return;
    q->running->floor = 0;
    q->running->credit = MIN(q->running->credit, 0);
    put_back(q);
}

bool sched_yield_to(struct sched_queue *q, struct sched_entity *target, u64 now)
{
    advance(q, now);
    const struct sched_entity *e = q->running;
    if (!e || target->queue != q || target->state != SCHED_READY || target->priority < e->priority)
        return false;
    if (target->priority > e->priority)
        return true; /* it is next without that */
    const i64 least = -(i64)quantum(q, target);
    const i64 turn = e->credit - e->floor;
    if (turn <= 0 || target->credit <= least)
        return false;
    put_back(q);
    ready_remove(q, target);
    target->floor = MAX(target->credit - turn, least);
    ready_add(q, target, true);
    return true;
}
