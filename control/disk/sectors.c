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

static err_t read(void *context, u64 sector, void *to)
{
    struct disk_sectors *const d = context;
    struct answer a = {0};
    struct disk_request r = {.op = DISK_READ,
                             .sector = sector,
                             .sectors = 1,
                             .segment = &d->buffer,
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
    memcpy(to, d->buffer.at, d->disk->sector_size);
    return OK;
}

err_t disk_sectors(struct disk_sectors *d, struct disk *disk, const struct io_segment *buffer,
                   struct sectors *s)
{
    if (buffer->len < disk->sector_size)
        return E_INVAL;
    *d = (struct disk_sectors){disk, {buffer->at, buffer->bus, disk->sector_size}};
    *s = (struct sectors){read, d, disk->sectors, disk->sector_size};
    return OK;
}
