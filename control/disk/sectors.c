/* See sectors.h.  Pure. */
#include "control/disk/sectors.h"
#include "lib/mem.h"

struct answer {
    bool over;
    enum io_result result;
};

static void done(struct disk_request *r, enum io_result result)
{
    struct answer *const a = r->context;

    a->over = true;
    a->result = result;
}

static u32 offset_of(const struct disk_sectors *d, const struct sectors_window *w)
{
    return (u32)(w - d->window) * d->most * d->disk->sector_size;
}

static err_t fetch(struct disk_sectors *d, struct sectors_window *w, u64 sector, u32 count)
{
    const u32 offset = offset_of(d, w);
    const struct io_segment segment = {(u8 *)d->buffer.at + offset, d->buffer.bus + offset,
                                       count * d->disk->sector_size};
    struct answer a = {0};
    struct disk_request r = {.op = DISK_READ,
                             .sector = sector,
                             .sectors = count,
                             .segment = &segment,
                             .segments = 1,
                             .done = done,
                             .context = &a};
    err_t err;

    while ((err = disk_submit(d->disk, &r)) == E_NOMEM)
        (void)disk_poll(d->disk);
    TRY(err);
    disk_kick(d->disk, 0);
    while (!a.over)
        (void)disk_poll(d->disk);
    if (a.result != IO_DONE)
        return E_IO;
    w->first = sector;
    w->count = count;
    return OK;
}

/* What cannot be read behind it is not this sector's fault. */
static err_t fill(struct disk_sectors *d, struct sectors_window *w, u64 sector)
{
    const u64 behind = sector < d->disk->sectors ? d->disk->sectors - sector : 1;
    const u32 count = (u32)MIN(behind, (u64)d->most);
    const err_t err = fetch(d, w, sector, count);

    return err == E_IO && count > 1 ? fetch(d, w, sector, 1) : err;
}

/* The window that has the sector, or else the one that was not used for longest, emptied. */
static struct sectors_window *window_of(struct disk_sectors *d, u64 sector)
{
    struct sectors_window *oldest = d->window;

    for (u32 i = 0; i < d->windows; i++) {
        struct sectors_window *const w = &d->window[i];

        if (sector - w->first < w->count)
            return w;
        if (w->used < oldest->used)
            oldest = w;
    }
    oldest->count = 0;
    return oldest;
}

static err_t read(void *context, u64 sector, void *to)
{
    struct disk_sectors *const d = context;
    struct sectors_window *const w = window_of(d, sector);
    const u32 size = d->disk->sector_size;

    if (w->count == 0)
        TRY(fill(d, w, sector));
    w->used = ++d->reads;
    memcpy(to, (u8 *)d->buffer.at + offset_of(d, w) + (sector - w->first) * size, size);
    return OK;
}

err_t disk_sectors(struct disk_sectors *d, struct disk *disk, const struct io_segment *buffer,
                   struct sectors *s)
{
    const u32 room = buffer->len / disk->sector_size;
    const u32 a_request = MIN(disk->sectors_max, disk->segment_bytes_max / disk->sector_size);

    if (room == 0 || a_request == 0)
        return E_INVAL;
    *d = (struct disk_sectors){.disk = disk, .buffer = *buffer};
    d->windows = MIN(room, SECTORS_WINDOWS);
    d->most = MIN(room / d->windows, a_request);
    *s = (struct sectors){read, d, disk->sectors, disk->sector_size};
    return OK;
}
