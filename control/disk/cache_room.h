/* A cache's memory.  It outlives this program under a name: what a guest was told is written and is
 * in memory alone is found there by the next life. */
#pragma once
#include "control/disk/cache.h"
#include "drivers/io/env.h"

/* As much as is good for this disk, or what an earlier life has left under that name.  E_NOMEM:
 * there is none. */
err_t cache_room_open(const char *name, const struct disk *below, struct io_dma *room,
                      struct cache_memory *memory);
