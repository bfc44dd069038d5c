/* Loads the images of the guests that were made here, one guest after another: in each of its lives
 * a guest waits for that.  It goes in steps out of the event loop, so that nobody waits for it. */
#pragma once
#include "abi/control.h"

/* A life of a guest has begun that waits for its image. */
void loader_want(u32 partition, u32 life);
/* The guest has ended, or nobody wants it any more. */
void loader_drop(u32 partition);

/* What becomes of a guest that was made just now. */
enum loader_outcome { LOADER_BUSY, LOADER_DONE, LOADER_FAILED };
void loader_watch(u32 partition);
/* Of the one that was watched last; *why: of LOADER_FAILED, which file, what is wrong and what
 * would do; such a guest is no more. */
enum loader_outcome loader_outcome(const char **why);
