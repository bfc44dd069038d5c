/* The log as bytes in memory.  The loader hands the ring over, so its header is judged on every
 * use instead of being trusted once.  Pure. */
#include "lib/log_ring.h"
#include "lib/mem.h"

void log_ring_init(struct log_ring *ring, u64 total_bytes)
{
    ring->magic = LOG_RING_MAGIC;
    ring->size = total_bytes > sizeof(*ring) ? total_bytes - sizeof(*ring) : 0;
    ring->written = 0;
}

void log_ring_put(struct log_ring *ring, const char *text, size_t len)
{
    const u64 size = ring->size;

    if (ring->magic != LOG_RING_MAGIC || size == 0)
        return;

    /* Of a text longer than the ring only the end can stay. */
    const size_t skip = len > size ? len - (size_t)size : 0;
    const u64 at = (ring->written + skip) % size;
    const size_t keep = len - skip;
    const size_t first = MIN(keep, (size_t)(size - at));

    memcpy(ring->data + at, text + skip, first);
    memcpy(ring->data, text + skip + first, keep - first);
    ring->written += len;
}

void log_ring_replay(const struct log_ring *ring, u64 max,
                     void (*write)(void *ctx, const char *text, size_t len), void *ctx)
{
    const u64 size = ring->size;
    const u64 written = ring->written;

    if (ring->magic != LOG_RING_MAGIC || size == 0)
        return;
    for (u64 at = written - MIN(written, MIN(max, size)); at < written;) {
        const u64 offset = at % size;
        const u64 run = MIN(written - at, size - offset);

        write(ctx, ring->data + offset, (size_t)run);
        at += run;
    }
}

size_t log_ring_copy(const struct log_ring *ring, u64 from, char *to, size_t most)
{
    const u64 size = ring->size, behind = ring->written - from;

    if (ring->magic != LOG_RING_MAGIC || from >= ring->written || behind > size)
        return 0;

    const size_t count = MIN(most, (size_t)behind);
    const u64 offset = from % size;
    const size_t first = MIN(count, (size_t)(size - offset));

    memcpy(to, ring->data + offset, first);
    memcpy(to + first, ring->data, count - first);
    return count;
}
