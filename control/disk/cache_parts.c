/* See cache_parts.h: sectors of blocks, and their bytes.  Pure. */
#include "control/disk/cache_parts.h"
#include "control/disk/segments.h"

u8 cache_sectors_of(const struct cache *c, const struct disk_request *r, u64 number)
{
    const u64 begin = number << c->sector_shift, end = begin + (1u << c->sector_shift);
    const u64 from = MAX(r->sector, begin), to = MIN(r->sector + r->sectors, end);

    if (from >= to)
        return 0;
    return (u8)((BIT32(to - from) - 1) << (from - begin));
}

u8 *cache_data(const struct cache *c, const struct cache_block *b)
{
    return (u8 *)c->memory.at + (u64)(b - c->map.block) * CACHE_BLOCK;
}

/* A run of sectors: where it is in the block, in the request, and how long (bytes). */
struct piece {
    u64 in_block, in_request, len;
};

static struct piece piece_of(const struct cache *c, const struct disk_request *r,
                             const struct cache_block *b, u8 run)
{
    const u32 first = (u32)__builtin_ctz(run), sectors = cache_count(run);
    const u64 sector = (b->number << c->sector_shift) + first;

    return (struct piece){(u64)first * c->disk.sector_size,
                          (sector - r->sector) * c->disk.sector_size,
                          (u64)sectors * c->disk.sector_size};
}

void cache_copy(const struct cache *c, const struct disk_request *r, const struct cache_block *b,
                u8 sectors, enum cache_copy direction)
{
    while (sectors) {
        const u8 run = cache_run_of(sectors);
        const struct piece p = piece_of(c, r, b, run);
        u8 *const at = cache_data(c, b) + p.in_block;

        if (direction == TO_REQUEST)
            segments_write(r->segment, p.in_request, at, p.len);
        else
            segments_read(r->segment, p.in_request, at, p.len);
        sectors &= (u8)~run;
    }
}
