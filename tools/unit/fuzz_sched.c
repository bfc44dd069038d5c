/* The run queue under random operations and times, also at the end of time.  Invariants: lists,
 * states and counts agree; credits and tokens are within their bounds; after a look the first
 * priority runs, nobody's `wake` is due, and the deadline is in the future; all time is somebody's
 * or idle. Input: 8 entities of {priority, weight, budget, period}, then records of {operation,
 * which, 3 bytes how many ticks later, shift of these}. */
#include "lib/mem.h"
#include "vmm/sched.h"
#include <stdlib.h>

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c))                                                                                  \
            abort();                                                                               \
    } while (0)

#define COUNT  8
#define RECORD 6

struct world {
    struct sched_queue q;
    struct sched_entity e[COUNT];
    u64 now, idle;
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u32 on_list(const struct sched_link *list, enum sched_state state, enum sched_state or_state)
{
    u32 n = 0;

    for (const struct sched_link *l = list->next; l != list; l = l->next, n++) {
        const struct sched_entity *e = CONTAINER_OF(l, const struct sched_entity, link);
        CHECK(l->next->prev == l && l->prev->next == l && n < COUNT);
        CHECK(e->state == state || e->state == or_state);
    }
    return n;
}

static void check_lists(struct world *w)
{
    u32 listed = on_list(&w->q.timers, SCHED_BLOCKED, SCHED_THROTTLED), states[5] = {0};
    u64 last = 0, asleep = 0;

    for (u32 p = 0; p < SCHED_PRIORITIES; p++) {
        const u32 active = on_list(&w->q.level[p].active, SCHED_READY, SCHED_READY);
        const u32 expired = on_list(&w->q.level[p].expired, SCHED_READY, SCHED_READY);
        CHECK((w->q.ready >> p & 1) == (active + expired > 0));
        listed += active + expired;
    }
    for (const struct sched_link *l = w->q.timers.next; l != &w->q.timers; l = l->next) {
        const u64 wake = CONTAINER_OF(l, const struct sched_entity, link)->wake;
        CHECK(wake >= last && wake != SCHED_NEVER);
        last = wake;
    }
    for (int i = 0; i < COUNT; i++) {
        states[w->e[i].state]++;
        asleep += (w->e[i].state == SCHED_BLOCKED || w->e[i].state == SCHED_THROTTLED) &&
                  w->e[i].wake == SCHED_NEVER;
    }
    CHECK(w->q.count == COUNT - states[SCHED_OFF]);
    CHECK(listed + asleep + states[SCHED_RUNNING] == w->q.count);
    CHECK(states[SCHED_RUNNING] == (w->q.running != NULL));
}

static void check_entities(const struct world *w)
{
    u64 ran = 0, waiting = 0;

    for (int i = 0; i < COUNT; i++) {
        const struct sched_entity *e = &w->e[i];
        const i64 quantum = (i64)(w->q.unit * e->weight);
        ran += e->ran;
        waiting += e->state == SCHED_READY && e->hungry ? e->weight : 0;
        if (e->state == SCHED_OFF)
            continue;
        CHECK(e->credit <= quantum && e->credit >= -(1ll << 62));
        CHECK(e->floor >= -quantum && e->floor < quantum);
        CHECK(e->floor == 0 || e->state == SCHED_READY || e->state == SCHED_RUNNING);
        CHECK(e->tokens <= (i64)e->budget);
        if (e->state == SCHED_READY || e->state == SCHED_RUNNING)
            CHECK(e->round == w->q.level[e->priority].round);
        CHECK(e->state != SCHED_READY || e->ready_since <= w->q.now);
    }
    CHECK(w->q.waiting == waiting);
    CHECK(ran + w->idle == w->q.now);
}

static void look(struct world *w)
{
    const struct sched_entity *e = sched_pick(&w->q, w->now);
    const struct sched_link *first = w->q.timers.next;

    CHECK(e == w->q.running && (e != NULL) == (e && e->state == SCHED_RUNNING));
    CHECK(e ? w->q.ready >> e->priority >> 1 == 0 : w->q.ready == 0);
    CHECK(first == &w->q.timers ||
          CONTAINER_OF(first, const struct sched_entity, link)->wake > w->now);
    if (w->now < SCHED_NEVER - 1)
        CHECK(sched_deadline(&w->q, w->now) > w->now);
    CHECK(sched_pick(&w->q, w->now) == e);
}

static void act(struct world *w, const u8 *r)
{
    struct sched_entity *e = &w->e[r[1] % COUNT];
    const u64 ticks = (u64)(r[2] | (r[3] & 3u) << 8) << (r[4] < 128 ? r[4] % 8 : r[4] % 60);

    switch (r[0] % 8) {
    case 0: (void)sched_wake(&w->q, e, w->now); return;
    case 1: sched_block(&w->q, e, r[5] & 1 ? SCHED_NEVER : w->now + ticks, w->now); return;
    case 2: sched_yield_turn(&w->q, w->now); return;
    case 3: (void)sched_yield_to(&w->q, e, w->now); return;
    case 4:
        if (r[5] == 7)
            sched_remove(&w->q, e, w->now);
        else if (e->state == SCHED_OFF)
            CHECK((r[5] & 1 ? sched_join : sched_add)(&w->q, e, w->now) == OK);
        return;
    case 5: look(w); return;
    default: /* time, which is the running one's */
        if (!w->q.running)
            w->idle += MIN(ticks, SCHED_NEVER - w->now);
        w->now += MIN(ticks, SCHED_NEVER - w->now);
        (void)sched_pick(&w->q, w->now);
        return;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct world w = {.now = 0};

    if (size < 4 * COUNT + 1)
        return 0;
    sched_queue_init(&w.q, (u64)data[0] << (data[0] % 40), 0);
    for (int i = 0; i < COUNT; i++) {
        const u8 *r = data + 1 + 4 * i;
        w.e[i] = (struct sched_entity){.priority = r[0] % 8,
                                       .weight = 1 + r[1] * 999u / 255,
                                       .budget = (u64)MIN(r[2], r[3]) << r[0] % 32,
                                       .period = (u64)r[3] << r[0] % 32};
    }
    for (size_t at = 4 * COUNT + 1; at + RECORD <= size; at += RECORD) {
        act(&w, data + at);
        check_lists(&w);
        check_entities(&w);
    }
    return 0;
}
