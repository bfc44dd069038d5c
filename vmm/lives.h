/* Which guests of the configuration live, which are to begin, and when all is over.  Pure. */
#pragma once
#include "config.h"
#include "lib/types.h"

enum life {
    LIFE_DUE,  /* to begin as soon as may be */
    LIFE_HELD, /* `start = ask`, and nobody has asked yet */
    LIFE_ON,
    LIFE_OVER,
    LIFE_NONE, /* nobody has this place of the configuration */
};

#define LIVES_NONE 0xffffffffu

struct lives {
    bool one_by_one; /* guests that start with Lintel wait for the end of the one before */
    bool any;        /* one has begun, ever */
    u8 state[CONFIG_GUESTS_MAX]; /* enum life */
};

void lives_init(struct lives *l, const struct config *config);
/* The next one that is to begin now, or LIVES_NONE. */
u32 lives_next(const struct lives *l);
void lives_begin(struct lives *l, u32 n);
/* again: its next life begins. */
void lives_end(struct lives *l, u32 n, bool again);
/* A place that nobody had is somebody's, who is LIFE_HELD. */
void lives_add(struct lives *l, u32 n);
/* The place of one that does not live is nobody's. */
void lives_forget(struct lives *l, u32 n);
/* VM exits after which it is to end in its life number `life`, from 0; ~0: not for that.  With a
 * seed, they are spread evenly over 1 to guest->exits, and the same each time. */
u64 lives_exits(const struct config_guest *guest, u32 life);
/* Somebody wants it to begin.  E_EXIST: it lives, or is about to; E_NOENT: there is none. */
err_t lives_ask(struct lives *l, u32 n);
/* Nobody lives or is about to, and nobody can ask: not before the first one has lived, and not
 * while somebody watches over them. */
bool lives_are_over(const struct lives *l, bool watched);
