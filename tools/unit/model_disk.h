/* A disk with a volatile cache, as the modules above may find it: requests are done in any order,
 * at a later disk_poll(); its queue is small; it fails as often as it is told.  It knows what is on
 * its medium for sure, and makes the image that a power cut may leave. */
#pragma once
#include "control/disk/segments.h"
#include "drivers/io/disk.h"
#include "tools/unit/random.h"
#include <stdlib.h>
#include <string.h>

#define MODEL_DEPTH 8u
#define MODEL_LOG   65536u

/* A write, by the cache of the disk: a sector at a time. */
struct model_write {
    u32 sector;
    u8 *data;
};

struct model_disk {
    struct disk disk;
    struct io_env env;
    u64 now; /* microseconds */
    struct random random;
    u8 *content; /* as reads see it */
    u8 *medium;  /* what is surely there */
    struct model_write log[MODEL_LOG];
    u32 logged, flushed; /* writes in the log; of these, on the medium */
    struct disk_request *waiting[MODEL_DEPTH];
    u32 flush_covers[MODEL_DEPTH]; /* of a flush: `logged` when it came */
    bool fetched[MODEL_DEPTH];     /* of a read: the content is that of when it came */
    u32 count;
    u32 errors; /* percent of the requests that fail */
    u64 writes, flushes;
};

static inline struct model_disk *model_of(struct disk *d)
{
    return CONTAINER_OF(d, struct model_disk, disk);
}

static inline u64 model_now(struct io_env *env)
{
    return CONTAINER_OF(env, struct model_disk, env)->now++;
}

static inline void model_read(struct model_disk *m, const struct disk_request *r)
{
    const u64 size = m->disk.sector_size;

    segments_write(r->segment, 0, m->content + r->sector * size, r->sectors * size);
}

static inline err_t model_submit(struct disk *d, struct disk_request *r)
{
    struct model_disk *const m = model_of(d);

    if (m->count == MODEL_DEPTH)
        return E_NOMEM;
    m->flush_covers[m->count] = m->logged;
    m->fetched[m->count] = r->op == DISK_READ && random_percent(&m->random, 50);
    if (m->fetched[m->count])
        model_read(m, r);
    m->waiting[m->count++] = r;
    return OK;
}

static inline void model_log(struct model_disk *m, u64 sector, const u8 *data)
{
    const u32 size = m->disk.sector_size;
    struct model_write *const w = &m->log[m->logged++];

    if (m->logged == MODEL_LOG)
        abort();
    w->sector = (u32)sector;
    w->data = malloc(size);
    memcpy(w->data, data, size);
    memcpy(m->content + sector * size, data, size);
}

static inline void model_change(struct model_disk *m, const struct disk_request *r)
{
    const u32 size = m->disk.sector_size;
    u8 *const data = calloc(1, size);

    m->writes++;
    for (u32 i = 0; i < r->sectors; i++) {
        if (r->op == DISK_WRITE)
            segments_read(r->segment, (u64)i * size, data, size);
        model_log(m, r->sector + i, data);
    }
    free(data);
}

static inline void model_flush(struct model_disk *m, u32 covers)
{
    const u32 size = m->disk.sector_size;

    m->flushes++;
    for (; m->flushed < covers; m->flushed++) {
        struct model_write *const w = &m->log[m->flushed];

        memcpy(m->medium + (u64)w->sector * size, w->data, size);
        free(w->data);
        w->data = NULL;
    }
}

static inline void model_do(struct model_disk *m, struct disk_request *r, u32 covers, bool fetched)
{
    const enum io_result result = random_percent(&m->random, m->errors) ? IO_ERROR : IO_DONE;

    if (result == IO_DONE)
        switch (r->op) {
        case DISK_READ:
            if (!fetched)
                model_read(m, r);
            break;
        case DISK_FLUSH: model_flush(m, covers); break;
        default: model_change(m, r); break;
        }
    r->result = result;
    r->next = NULL;
    disk_done(&m->disk, r);
}

/* Some of the requests that are in it now are done, in any order. */
static inline u64 model_poll(struct disk *d)
{
    struct model_disk *const m = model_of(d);
    u32 some = random_below(&m->random, MODEL_DEPTH + 1);

    m->now += 100;
    while (some-- && m->count) {
        const u32 i = random_below(&m->random, m->count);
        struct disk_request *const r = m->waiting[i];
        const u32 covers = m->flush_covers[i];
        const bool fetched = m->fetched[i];

        m->count--;
        m->waiting[i] = m->waiting[m->count];
        m->flush_covers[i] = m->flush_covers[m->count];
        m->fetched[i] = m->fetched[m->count];
        model_do(m, r, covers, fetched);
    }
    return m->count ? m->now + 100 : IO_NEVER;
}

static inline void model_kick(struct disk *d, u32 queue)
{
    (void)d;
    (void)queue;
}

static inline void model_interrupts(struct disk *d, bool on)
{
    (void)d;
    (void)on;
}

static inline err_t model_reset(struct disk *d)
{
    while (model_of(d)->count)
        (void)model_poll(d);
    return OK;
}

static inline void model_stop(struct disk *d)
{
    (void)model_reset(d);
}

static inline struct model_disk *model_open(u32 sectors, u32 sector_size, u64 seed)
{
    static const struct disk_ops ops = {model_submit,     model_kick,  model_poll,
                                        model_interrupts, model_reset, model_stop};
    static const struct io_env_ops env_ops = {.now = model_now};
    struct model_disk *const m = calloc(1, sizeof(*m));

    m->random.state = seed * 2 + 1;
    m->env.ops = &env_ops;
    m->content = calloc(sectors, sector_size);
    m->medium = calloc(sectors, sector_size);
    m->disk = (struct disk){.ops = &ops,
                            .env = &m->env,
                            .name = "model",
                            .sectors = sectors,
                            .sector_size = sector_size,
                            .physical_sector = sector_size,
                            .flags = DISK_CAN_FLUSH | DISK_CAN_DISCARD | DISK_CAN_WRITE_ZEROES,
                            .queues = 1,
                            .depth = MODEL_DEPTH,
                            .segments_max = 64,
                            .segment_bytes_max = UINT32_MAX,
                            .sectors_max = 1024,
                            .discard_sectors_max = 4096,
                            .discard_align = 1,
                            .zeroes_sectors_max = 4096,
                            .segment_align = 4,
                            .bus_last = UINT64_MAX};
    return m;
}

static inline void model_close(struct model_disk *m)
{
    for (u32 i = m->flushed; i < m->logged; i++)
        free(m->log[i].data);
    free(m->content);
    free(m->medium);
    free(m);
}

/* What a power cut now leaves, into `image`: what was flushed; of each later write, and of each
 * that is in the disk, some sectors. */
static inline void model_cut(struct model_disk *m, struct random *random, u8 *image)
{
    const u32 size = m->disk.sector_size;

    memcpy(image, m->medium, m->disk.sectors * size);
    for (u32 i = m->flushed; i < m->logged; i++)
        if (random_percent(random, 50))
            memcpy(image + (u64)m->log[i].sector * size, m->log[i].data, size);
    for (u32 i = 0; i < m->count; i++) {
        const struct disk_request *const r = m->waiting[i];

        for (u32 s = 0; s < r->sectors; s++) {
            u8 *const at = image + (r->sector + s) * size;

            if (r->op == DISK_READ || r->op == DISK_FLUSH || !random_percent(random, 30))
                continue;
            if (r->op == DISK_WRITE)
                segments_read(r->segment, (u64)s * size, at, size);
            else
                memset(at, 0, size);
        }
    }
}
