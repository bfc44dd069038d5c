/* A disk for the tests of what stands before one: memory, requests that are done in any order at a
 * later poll, a small queue, any limits, and errors when it is told so. */
#pragma once
#include "drivers/io/disk.h"
#include "virtio_driver.h"

#define FAKE_SECTORS_MAX 2048u
#define FAKE_DEPTH       16u

struct fake_disk {
    struct disk disk;
    u8 content[FAKE_SECTORS_MAX * 512];
    struct disk_request *in[FAKE_DEPTH];
    u32 count;
    u32 kicks[8];
    u64 requests, refused, flushes, unmaps;
    enum io_result next; /* of the next one done, then IO_DONE again */
};

static inline struct fake_disk *fake_of(struct disk *d)
{
    return CONTAINER_OF(d, struct fake_disk, disk);
}

static inline err_t fake_submit(struct disk *d, struct disk_request *r)
{
    struct fake_disk *const f = fake_of(d);

    if (f->count == d->depth) {
        f->refused++;
        return E_NOMEM;
    }
    f->requests++;
    f->in[f->count++] = r;
    return OK;
}

static inline void fake_kick(struct disk *d, u32 queue)
{
    fake_of(d)->kicks[queue]++;
}

static inline void fake_do(struct fake_disk *f, const struct disk_request *r)
{
    u8 *at = f->content + r->sector * f->disk.sector_size;

    f->flushes += r->op == DISK_FLUSH;
    f->unmaps += (r->flags & DISK_MAY_UNMAP) != 0;
    if (r->op == DISK_WRITE_ZEROES)
        memset(at, 0, (size_t)r->sectors * f->disk.sector_size);
    if (r->op == DISK_DISCARD)
        memset(at, 0xdd, (size_t)r->sectors * f->disk.sector_size);
    for (u32 i = 0; i < r->segments; i++) {
        const struct io_segment *const s = &r->segment[i];
        if (r->op == DISK_READ)
            memcpy(s->at, at, s->len);
        else
            memcpy(at, s->at, s->len);
        at += s->len;
    }
}

/* One of those that are in it is done. */
static inline u64 fake_poll(struct disk *d)
{
    struct fake_disk *const f = fake_of(d);

    if (f->count == 0)
        return IO_NEVER;
    const u32 i = (u32)(drv_random() % f->count);
    struct disk_request *const r = f->in[i];
    const enum io_result result = f->next;
    f->next = IO_DONE;
    f->in[i] = f->in[--f->count];
    if (result == IO_DONE)
        fake_do(f, r);
    r->done(r, result);
    return 0;
}

static inline void fake_interrupts(struct disk *d, bool on)
{
    (void)d, (void)on;
}

static inline err_t fake_reset(struct disk *d)
{
    (void)d;
    return OK;
}

static inline void fake_stop(struct disk *d)
{
    (void)d;
}

/* Without limits; the test sets others. */
static inline void fake_disk_init(struct fake_disk *f, u32 sector_size)
{
    static const struct disk_ops ops = {.submit = fake_submit,
                                        .kick = fake_kick,
                                        .poll = fake_poll,
                                        .interrupts = fake_interrupts,
                                        .reset = fake_reset,
                                        .stop = fake_stop};
    memset(f, 0, sizeof(*f));
    f->disk = (struct disk){.ops = &ops,
                            .name = "fake",
                            .sectors = FAKE_SECTORS_MAX * 512 / sector_size,
                            .sector_size = sector_size,
                            .physical_sector = 4096,
                            .flags = DISK_CAN_FLUSH | DISK_CAN_DISCARD | DISK_CAN_WRITE_ZEROES,
                            .queues = 1,
                            .depth = FAKE_DEPTH,
                            .segments_max = 1000,
                            .segment_bytes_max = ~0u,
                            .sectors_max = ~0u,
                            .discard_sectors_max = ~0u,
                            .discard_align = 1,
                            .zeroes_sectors_max = ~0u,
                            .segment_align = 1,
                            .bus_last = ~0ull};
}
