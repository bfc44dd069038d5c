/* See extents.h.  Pure. */
#include "control/disk/extents.h"
#include "control/disk/segments.h"
#include "lib/fmt.h"

static struct extents_disk *extents_of(struct disk *d)
{
    return CONTAINER_OF(d, struct extents_disk, disk);
}

/* ------------------------------------------------------------ one request */

/* Where a sector lies below, and how many follow it in its extent. */
static struct extent place(const struct extents_disk *e, u64 sector)
{
    const struct extent *x = e->extent;

    for (; sector >= x->sectors; x++)
        sector -= x->sectors;
    return (struct extent){x->sector + sector, x->sectors - sector};
}

static void part_done(struct disk_request *part, enum io_result result);

/* Makes the next part: as much of the request as lies in one extent. */
static void make_part(struct extents_job *job)
{
    const struct disk_request *const whole = job->whole;
    struct extents_disk *const e = job->part.context;
    const u32 left = whole->sectors - job->sectors_done;

    job->part = (struct disk_request){.op = whole->op,
                                      .flags = whole->flags,
                                      .queue = whole->queue,
                                      .segment = whole->segment,
                                      .segments = whole->segments,
                                      .done = part_done,
                                      .context = e};
    if (whole->op == DISK_FLUSH)
        return;

    const struct extent x = place(e, whole->sector + job->sectors_done);

    job->part.sector = x.sector;
    job->part.sectors = (u32)MIN(left, x.sectors);
    if (whole->segments == 0 || job->part.sectors == whole->sectors)
        return;
    job->part.segment = job->segment;
    job->part.segments = segments_cut(whole->segment, (u64)job->sectors_done * e->disk.sector_size,
                                      (u64)job->part.sectors * e->disk.sector_size, job->segment);
}

static void give_back(struct extents_disk *e, struct extents_job *job)
{
    job->next = e->free;
    e->free = job;
    e->busy--;
}

static void finish(struct extents_disk *e, struct extents_job *job, enum io_result result)
{
    struct disk_request *const whole = job->whole;

    give_back(e, job);
    whole->result = result;
    whole->next = NULL;
    disk_done(&e->disk, whole);
}

/* A part behind the first one: there is nobody to return an error to. */
static void submit_part(struct extents_disk *e, struct extents_job *job)
{
    const u32 queue = job->part.queue;
    const err_t err = disk_submit(e->below, &job->part);

    if (err == OK)
        disk_kick(e->below, queue);
    else if (err == E_NOMEM) {
        job->next = NULL;
        *e->refused_end = job;
        e->refused_end = &job->next;
    } else
        finish(e, job, IO_ERROR);
}

static void submit_refused(struct extents_disk *e)
{
    struct extents_job *job = e->refused;

    e->refused = NULL;
    e->refused_end = &e->refused;
    while (job) {
        struct extents_job *const next = job->next;

        submit_part(e, job);
        job = next;
    }
}

static void part_done(struct disk_request *part, enum io_result result)
{
    struct extents_job *const job = CONTAINER_OF(part, struct extents_job, part);
    struct extents_disk *const e = part->context;

    job->sectors_done += part->sectors;
    if (result != IO_DONE || job->sectors_done == job->whole->sectors) {
        finish(e, job, result);
        return;
    }
    make_part(job);
    submit_part(e, job);
}

/* ------------------------------------------------------------ the disk */

static err_t submit(struct disk *d, struct disk_request *r)
{
    struct extents_disk *const e = extents_of(d);
    struct extents_job *const job = e->free;

    if (!job)
        return E_NOMEM;
    e->free = job->next;
    e->busy++;
    job->whole = r;
    job->sectors_done = 0;
    job->part.context = e;
    make_part(job);

    const err_t err = disk_submit(e->below, &job->part);

    if (err != OK)
        give_back(e, job);
    return err;
}

static void kick(struct disk *d, u32 queue)
{
    disk_kick(extents_of(d)->below, queue);
}

static u64 poll(struct disk *d)
{
    struct extents_disk *const e = extents_of(d);
    const u64 next = disk_poll(e->below);

    submit_refused(e);
    return e->refused ? 0 : next;
}

static void interrupts(struct disk *d, bool on)
{
    disk_interrupts(extents_of(d)->below, on);
}

static err_t reset(struct disk *d)
{
    while (extents_of(d)->busy)
        (void)poll(d);
    return OK;
}

static void stop(struct disk *d)
{
    d->lost = true;
    (void)reset(d);
}

/* ------------------------------------------------------------ making one */

/* What the disk below can do, as far as it holds for the extents. */
static void inherit(struct disk *d, const struct disk *below, bool aligned)
{
    static const struct disk_ops ops = {submit, kick, poll, interrupts, reset, stop};

    *d = *below;
    d->ops = &ops;
    d->sectors = 0;
    d->depth = MIN(below->depth, EXTENTS_REQUESTS);
    d->segments_max = MIN(below->segments_max, EXTENTS_SEGMENTS);
    d->event = NULL;
    d->context = NULL;
    d->counts = (struct io_counts){0};
    if (!aligned)
        d->flags &= ~DISK_CAN_DISCARD;
}

err_t extents_disk_open(struct extents_disk *e, struct disk *below, const char *name,
                        const struct extent *extent, u32 extents, bool read_only)
{
    const u32 align = MAX(below->discard_align, 1u);
    u64 sectors = 0;
    bool aligned = true;

    if (extents == 0)
        return E_INVAL;
    for (u32 i = 0; i < extents; i++) {
        const struct extent *const x = &extent[i];

        if (x->sectors == 0)
            return E_INVAL;
        if (x->sectors > below->sectors || x->sector > below->sectors - x->sectors ||
            x->sectors > UINT64_MAX - sectors)
            return E_RANGE;
        aligned &= x->sector % align == 0 && x->sectors % align == 0;
        sectors += x->sectors;
    }
    *e = (struct extents_disk){.below = below, .extent = extent, .extents = extents};
    inherit(&e->disk, below, aligned);
    e->disk.sectors = sectors;
    if (read_only)
        e->disk.flags |= DISK_IS_READ_ONLY;
    fmt_buf(e->disk.name, sizeof(e->disk.name), "%s", name);
    e->refused_end = &e->refused;
    for (u32 i = 0; i < EXTENTS_REQUESTS; i++) {
        e->job[i].next = e->free;
        e->free = &e->job[i];
    }
    return OK;
}
