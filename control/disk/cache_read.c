/* Reads through the cache; see cache.h.  Pure. */
#include "control/disk/cache_parts.h"

bool cache_read_hit(struct cache *c, const struct disk_request *r)
{
    const u64 first = cache_first(c, r), last = cache_last(c, r);

    for (u64 n = first; n <= last; n++) {
        const struct cache_block *const b = cache_map_find(&c->map, n);
        const u8 wanted = cache_sectors_of(c, r, n);

        if (!b || (b->valid & wanted) != wanted) {
            c->counts.misses++;
            return false;
        }
    }
    for (u64 n = first; n <= last; n++) {
        struct cache_block *const b = cache_map_find(&c->map, n);

        cache_copy(c, r, b, cache_sectors_of(c, r, n), TO_REQUEST);
        cache_map_used(&c->map, b);
    }
    c->counts.hits++;
    return true;
}

void cache_read_begin(struct cache *c, struct cache_job *job)
{
    const u64 first = cache_first(c, job->whole), last = cache_last(c, job->whole);

    job->submitted = c->changes;
    for (u64 n = first; n <= last; n++) {
        struct cache_block *const b = cache_map_find(&c->map, n);

        if (!b)
            continue;
        b->pins++;
        job->pinned |= BIT(n - first);
    }
}

/* Keeps what the disk has said of a block; `b` is it, or NULL. */
static void keep(struct cache *c, const struct cache_job *job, u64 number, struct cache_block *b)
{
    u8 missing = cache_sectors_of(c, job->whole, number);

    if (c->mode == CACHE_NONE || *cache_changed_at(c, number) > job->submitted)
        return;
    if (b)
        missing &= (u8)~b->valid;
    else
        b = cache_map_take(&c->map, number);
    if (!b || !missing)
        return;
    cache_copy(c, job->whole, b, missing, FROM_REQUEST);
    b->valid |= missing;
}

void cache_read_end(struct cache *c, struct cache_job *job, enum io_result result)
{
    const struct disk_request *const r = job->whole;
    const u64 first = cache_first(c, r), last = cache_last(c, r);

    for (u64 n = first; n <= last; n++) {
        struct cache_block *const b = cache_map_find(&c->map, n);

        if (job->pinned & BIT(n - first))
            b->pins--;
        if (result != IO_DONE)
            continue;
        if (b)
            cache_copy(c, r, b, b->valid & cache_sectors_of(c, r, n), TO_REQUEST);
        keep(c, job, n, b);
    }
}
