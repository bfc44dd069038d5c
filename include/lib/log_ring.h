/* The log as bytes in memory: written from the loader's first line on, handed to
 * the hypervisor, never lost while the machine has power.  Single writer at a time. */
#pragma once
#include "lib/types.h"

#define LOG_RING_MAGIC 0x474e49524c544e4cull /* "LNTLRING" */

struct log_ring {
    u64 magic;
    u64 size;    /* bytes in data[] */
    u64 written; /* bytes ever written; data[written % size] is the next one */
    char data[];
};

void log_ring_init(struct log_ring *ring, u64 total_bytes); /* total includes the header */
/* Gives the last `max` bytes of the log to `write`, oldest first, in one or two pieces. */
void log_ring_replay(const struct log_ring *ring, u64 max,
                     void (*write)(void *ctx, const char *text, size_t len), void *ctx);
/* Copies at most `most` bytes, from the from-th ever written on; returns how many.  0: that one is
 * not written yet, or has been overwritten. */
size_t log_ring_copy(const struct log_ring *ring, u64 from, char *to, size_t most);
void log_ring_put(struct log_ring *ring, const char *text, size_t len);
