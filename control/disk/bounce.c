/* See bounce.h.  Pure. */
#include "control/disk/bounce.h"
#include "control/disk/segments.h"

static struct bounce_disk *bounce_of(struct disk *d)
{
    return CONTAINER_OF(d, struct bounce_disk, disk);
}

static void give_back(struct bounce_disk *b, struct bounce_job *job)
{
    if (job->buffer.len != 0)
        b->used &= ~BIT32(job->number);
    job->next = b->free;
    b->free = job;
    b->busy--;
}

static void below_done(struct disk_request *below, enum io_result result)
{
    struct bounce_job *const job = CONTAINER_OF(below, struct bounce_job, below);
    struct bounce_disk *const b = below->context;
    struct disk_request *const whole = job->whole;

    if (job->buffer.len != 0 && whole->op == DISK_READ && result == IO_DONE)
        segments_write(whole->segment, 0, job->buffer.at, job->buffer.len);
    give_back(b, job);
    whole->result = result;
    whole->next = NULL;
    disk_done(&b->disk, whole);
}

/* The request with a buffer instead of its segments.  E_NOMEM: none is free. */
static err_t take_buffer(struct bounce_disk *b, struct bounce_job *job)
{
    const struct disk_request *const whole = job->whole;
    const u32 free = ~b->used & (BIT32(BOUNCE_BUFFERS) - 1);

    if (free == 0)
        return E_NOMEM;
    job->number = (u32)__builtin_ctz(free);
    job->buffer = (struct io_segment){(u8 *)b->buffers.at + (u64)job->number * b->each,
                                      b->buffers.bus + (u64)job->number * b->each,
                                      whole->sectors * b->disk.sector_size};
    b->used |= BIT32(job->number);
    if (whole->op == DISK_WRITE)
        segments_read(whole->segment, 0, job->buffer.at, job->buffer.len);
    job->below.segment = &job->buffer;
    job->below.segments = 1;
    return OK;
}

static err_t submit_below(struct bounce_disk *b, struct bounce_job *job)
{
    const err_t err = disk_submit(b->below, &job->below);

    if (err != E_INVAL || job->whole->segments == 0)
        return err;
    TRY(take_buffer(b, job));
    return disk_submit(b->below, &job->below);
}

static err_t submit(struct disk *d, struct disk_request *r)
{
    struct bounce_disk *const b = bounce_of(d);
    struct bounce_job *const job = b->free;
    err_t err;

    if (!job)
        return E_NOMEM;
    b->free = job->next;
    b->busy++;
    *job = (struct bounce_job){.whole = r, .below = *r};
    job->below.done = below_done;
    job->below.context = b;
    err = submit_below(b, job);
    if (err != OK)
        give_back(b, job);
    return err;
}

static void kick(struct disk *d, u32 queue)
{
    disk_kick(bounce_of(d)->below, queue);
}

static u64 poll(struct disk *d)
{
    return disk_poll(bounce_of(d)->below);
}

static void interrupts(struct disk *d, bool on)
{
    disk_interrupts(bounce_of(d)->below, on);
}

static err_t reset(struct disk *d)
{
    while (bounce_of(d)->busy)
        (void)poll(d);
    return OK;
}

static void stop(struct disk *d)
{
    d->lost = true;
    (void)reset(d);
}

err_t bounce_disk_open(struct bounce_disk *b, struct disk *below, const struct io_segment *buffers)
{
    static const struct disk_ops ops = {submit, kick, poll, interrupts, reset, stop};
    const u32 each = MIN(ALIGN_DOWN(buffers->len / BOUNCE_BUFFERS, below->sector_size),
                         below->segment_bytes_max);

    if (each < below->sector_size)
        return E_INVAL;
    *b = (struct bounce_disk){.disk = *below, .below = below, .buffers = *buffers, .each = each};
    b->disk.ops = &ops;
    b->disk.depth = MIN(below->depth, BOUNCE_BUFFERS);
    b->disk.segments_max = UINT32_MAX;
    b->disk.segment_bytes_max = UINT32_MAX;
    b->disk.segment_align = 1;
    b->disk.bus_last = UINT64_MAX;
    b->disk.sectors_max = MIN(below->sectors_max, each / below->sector_size);
    b->disk.event = NULL;
    b->disk.context = NULL;
    b->disk.counts = (struct io_counts){0};
    for (u32 i = 0; i < BOUNCE_REQUESTS; i++) {
        b->job[i].next = b->free;
        b->free = &b->job[i];
    }
    return OK;
}
