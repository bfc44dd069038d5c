/* Writing back; see cache.h.  Pure. */
#include "control/disk/cache_parts.h"

static struct cache_writer *free_writer(struct cache *c)
{
    for (u32 i = 0; i < CACHE_WRITERS; i++)
        if (!c->writer[i].busy)
            return &c->writer[i];
    return NULL;
}

bool cache_writes(const struct cache *c)
{
    for (u32 i = 0; i < CACHE_WRITERS; i++)
        if (c->writer[i].busy)
            return true;
    return false;
}

static u8 all_sectors(const struct cache *c)
{
    return (u8)(BIT32(BIT32(c->sector_shift)) - 1);
}

static void add(struct cache_writer *w, struct cache_block *b, u8 sectors)
{
    struct cache *const c = w->cache;
    const u64 offset =
        (u64)(b - c->map.block) * CACHE_BLOCK + (u64)__builtin_ctz(sectors) * c->disk.sector_size;
    const u32 count = cache_count(sectors);

    w->segment[w->blocks] = (struct io_segment){(u8 *)c->memory.at + offset, c->memory.bus + offset,
                                                count * c->disk.sector_size};
    w->block[w->blocks++] = b;
    w->below.sectors += count;
    cache_map_write_begin(&c->map, b, sectors);
}

/* The blocks behind it, as long as each is dirty as a whole. */
static void add_neighbours(struct cache_writer *w, u64 number)
{
    struct cache *const c = w->cache;
    const u8 all = all_sectors(c);
    const u32 most =
        MIN(CACHE_RUN, MIN(c->below->segments_max, c->below->sectors_max >> c->sector_shift));

    while (w->blocks < most) {
        struct cache_block *const b = cache_map_find(&c->map, ++number);

        if (!b || b->dirty != all)
            return;
        add(w, b, all);
    }
}

static void end(struct cache_writer *w, enum io_result result)
{
    struct cache *const c = w->cache;
    const u64 now = io_now(c->disk.env);

    for (u32 i = 0; i < w->blocks; i++)
        cache_map_write_end(&c->map, w->block[i], result == IO_DONE, now);
    w->busy = false;
    c->sick = result != IO_DONE;
    if (c->sick)
        c->failures++;
    else
        c->counts.written_back += w->blocks;
}

static void written(struct disk_request *r, enum io_result result)
{
    struct cache_writer *const w = CONTAINER_OF(r, struct cache_writer, below);

    end(w, result);
    w->cache->freed(w->cache);
}

bool cache_write_block(struct cache *c, struct cache_block *b)
{
    struct cache_writer *const w = free_writer(c);

    if (!w)
        return false;

    const u8 run = cache_run_of(b->dirty);

    w->cache = c;
    w->blocks = 0;
    w->below = (struct disk_request){
        .op = DISK_WRITE,
        .sector = (b->number << c->sector_shift) + (u32)__builtin_ctz(run),
        .segment = w->segment,
        .done = written,
    };
    add(w, b, run);
    if (run == all_sectors(c))
        add_neighbours(w, b->number);
    w->below.segments = w->blocks;
    w->busy = true;

    const err_t err = disk_submit(c->below, &w->below);

    if (err == OK)
        return true;
    if (err != E_NOMEM) {
        end(w, IO_ERROR);
        return false;
    }
    for (u32 i = 0; i < w->blocks; i++)
        cache_map_write_end(&c->map, w->block[i], false, w->block[i]->since);
    w->busy = false;
    return false;
}

bool cache_write_oldest(struct cache *c)
{
    struct cache_block *const b = cache_map_oldest_dirty(&c->map);

    return b && cache_write_block(c, b);
}

u64 cache_write_background(struct cache *c)
{
    const struct cache_block *b;

    if (!c->sick)
        while (c->map.dirty > c->map.blocks / 2 && cache_write_oldest(c))
            ;
    while ((b = cache_map_oldest_dirty(&c->map)) != NULL) {
        if (b->since + CACHE_AGE_US > io_now(c->disk.env))
            return b->since + CACHE_AGE_US;
        if (!cache_write_oldest(c))
            break;
    }
    return IO_NEVER;
}
