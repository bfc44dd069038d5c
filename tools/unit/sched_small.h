/* One run queue and four entities of one priority, for small schedules to the tick: a slice of 100
 * ticks. */
#pragma once
#include "vmm/sched.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { A, B, C, D, ALL };

static struct sched_queue q;
static struct sched_entity e[ALL];

static UNUSED void fresh(void)
{
    sched_queue_init(&q, 100, 0);
    for (int i = 0; i < ALL; i++)
        e[i] = (struct sched_entity){.priority = 3, .weight = SCHED_WEIGHT_DEFAULT};
}

static UNUSED void add(int i, u64 now)
{
    assert_int_equal(sched_add(&q, &e[i], now), OK);
}

static UNUSED void start(int i, u64 now)
{
    add(i, now);
    (void)sched_wake(&q, &e[i], now);
}

static UNUSED void assert_runs(int i, u64 now)
{
    assert_ptr_equal(sched_pick(&q, now), &e[i]);
    assert_int_equal(e[i].state, SCHED_RUNNING);
}

/* From `now` on i runs, and that is to be so until `until`. */
static UNUSED void assert_runs_until(int i, u64 now, u64 until)
{
    assert_runs(i, now);
    assert_int_equal(sched_deadline(&q, now), until);
}
