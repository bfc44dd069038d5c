/* The cache: requests, and in which order they take effect; see cache.h.  Pure. */
#include "control/disk/cache.h"
#include "control/disk/cache_parts.h"

static struct cache *cache_of(struct disk *d)
{
    return CONTAINER_OF(d, struct cache, disk);
}

/* Whether writes stay in memory. */
static bool writes_back(const struct cache *c)
{
    return c->mode == CACHE_WRITEBACK || c->mode == CACHE_UNSAFE;
}

/* ------------------------------------------------------------ jobs */

static void queue_init(struct cache_queue *q)
{
    q->first = NULL;
    q->end = &q->first;
}

static void queue_add(struct cache_queue *q, struct cache_job *job)
{
    job->next = NULL;
    *q->end = job;
    q->end = &job->next;
}

static void finish(struct cache *c, struct cache_job *job, enum io_result result)
{
    done_list_add(&c->done, job->whole, result);
    job->next = c->free;
    c->free = job;
    c->busy--;
}

static void below_done(struct disk_request *r, enum io_result result);

/* The request for the disk below: the user's as it is, or a flush. */
static void make_below(struct cache_job *job, enum disk_op op)
{
    const struct disk_request *const r = job->whole;

    job->below = (struct disk_request){.op = op, .done = below_done};
    if (op == DISK_FLUSH)
        return;
    job->below.flags = r->flags;
    job->below.sector = r->sector;
    job->below.sectors = r->sectors;
    job->below.segments = r->segments;
    job->below.segment = r->segment;
}

/* ------------------------------------------------------------ the disk's answers */

/* The content of these blocks is, or may be, another one now. */
static void changed(struct cache *c, const struct disk_request *r)
{
    c->changes++;
    if (cache_last(c, r) - cache_first(c, r) >= CACHE_TIMES) {
        for (u32 i = 0; i < CACHE_TIMES; i++)
            c->changed_at[i] = c->changes;
        return;
    }
    for (u64 n = cache_first(c, r); n <= cache_last(c, r); n++)
        *cache_changed_at(c, n) = c->changes;
}

/* Memory holds nothing of the request's sectors any more.  None is dirty. */
static void forget(struct cache *c, const struct disk_request *r)
{
    const u64 first = cache_first(c, r), last = cache_last(c, r);
    struct cache_block *b;

    if (last - first < c->map.blocks) {
        for (u64 n = first; n <= last; n++)
            if ((b = cache_map_find(&c->map, n)) != NULL)
                cache_map_forget(b, cache_sectors_of(c, r, n));
    } else {
        for (u32 i = 0; i < c->map.blocks; i++) {
            b = &c->map.block[i];
            cache_map_forget(b, cache_sectors_of(c, r, b->number));
        }
    }
    changed(c, r);
}

static err_t submit_below(struct cache *c, struct cache_job *job)
{
    TRY(disk_submit(c->below, &job->below));
    c->asked++;
    return OK;
}

/* Asks the disk below, now or when it has room.  False: it refuses. */
static bool ask(struct cache *c, struct cache_job *job)
{
    const err_t err = submit_below(c, job);

    if (err == E_NOMEM)
        queue_add(&c->refused, job);
    return err == OK || err == E_NOMEM;
}

static bool is_range(enum disk_op op)
{
    return op == DISK_DISCARD || op == DISK_WRITE_ZEROES;
}

/* Without a volatile cache, that of the disk below is flushed before the user is told of a change.
 */
static bool wants_flush(const struct cache *c)
{
    return c->mode == CACHE_WRITETHROUGH && (c->below->flags & DISK_CAN_FLUSH);
}

static void answer(struct cache *c, struct cache_job *job, enum io_result result)
{
    const enum disk_op op = job->whole->op;

    if (op == DISK_READ)
        cache_read_end(c, job, result);
    else if (job->below.op != DISK_FLUSH) {
        if (is_range(op))
            c->barriers--;
        forget(c, job->whole);
        if (result == IO_DONE && wants_flush(c)) {
            make_below(job, DISK_FLUSH);
            if (ask(c, job))
                return;
            result = IO_ERROR;
        }
    }
    finish(c, job, result);
}

/* ------------------------------------------------------------ in order */

/* It cannot go on now.  True: it is over, since what it waits for has failed. */
static bool hold(struct cache *c, struct cache_job *job)
{
    if (!job->begun) {
        job->begun = true;
        job->failures = c->failures;
        c->counts.held_up++;
    }
    if (job->failures == c->failures)
        return false;
    finish(c, job, IO_ERROR);
    return true;
}

/* Gives it to the disk below; forgets what memory has of it.  True: it is out of the queue. */
static bool pass_on(struct cache *c, struct cache_job *job)
{
    make_below(job, job->whole->op);
    const err_t err = submit_below(c, job);

    if (err == E_NOMEM)
        return false;
    if (is_range(job->whole->op))
        c->barriers++;
    if (job->whole->op != DISK_FLUSH)
        forget(c, job->whole);
    if (err != OK)
        answer(c, job, IO_ERROR);
    return true;
}

static bool step_write(struct cache *c, struct cache_job *job)
{
    const struct disk_request *const r = job->whole;

    while (job->copied < r->sectors) {
        const u64 number = (r->sector + job->copied) >> c->sector_shift;
        struct cache_block *b = cache_map_find(&c->map, number);
        const u8 sectors = cache_sectors_of(c, r, number);

        if (c->barriers || (b && b->writing))
            return hold(c, job);
        if (!b && !(b = cache_map_take(&c->map, number))) {
            if (hold(c, job))
                return true;
            (void)cache_write_oldest(c);
            return false;
        }
        cache_copy(c, r, b, sectors, FROM_REQUEST);
        cache_map_dirty(&c->map, b, sectors, io_now(c->disk.env));
        *cache_changed_at(c, number) = ++c->changes;
        job->copied += cache_count(sectors);
    }
    finish(c, job, IO_DONE);
    return true;
}

/* Writes back what is dirty.  False: it is not yet. */
static bool clean_all(struct cache *c)
{
    while (cache_write_oldest(c))
        ;
    return c->map.dirty == 0;
}

/* Neither dirty nor needed by a read, which may have older data from the disk. */
static bool clean_range(struct cache *c, const struct disk_request *r)
{
    bool clean = true;

    for (u32 i = 0; i < c->map.blocks; i++) {
        struct cache_block *const b = &c->map.block[i];

        if (!(b->dirty | b->writing | b->pins) || !cache_sectors_of(c, r, b->number))
            continue;
        clean = false;
        if (b->dirty && !b->writing && !cache_write_block(c, b))
            break;
    }
    return clean;
}

static bool step_flush(struct cache *c, struct cache_job *job)
{
    if (c->mode == CACHE_WRITEBACK && !clean_all(c))
        return hold(c, job);
    if (c->mode == CACHE_UNSAFE || c->mode == CACHE_WRITETHROUGH ||
        !(c->below->flags & DISK_CAN_FLUSH)) {
        finish(c, job, IO_DONE);
        return true;
    }
    return pass_on(c, job);
}

static bool step(struct cache *c, struct cache_job *job)
{
    switch (job->whole->op) {
    case DISK_WRITE: return writes_back(c) ? step_write(c, job) : pass_on(c, job);
    case DISK_FLUSH: return step_flush(c, job);
    default:
        if (c->barriers || !clean_range(c, job->whole))
            return hold(c, job);
        return pass_on(c, job);
    }
}

static void run_held(struct cache *c)
{
    while (c->held.first) {
        struct cache_job *const next = c->held.first->next;

        if (!step(c, c->held.first))
            return;
        c->held.first = next;
        if (!next)
            queue_init(&c->held);
    }
}

static void run_refused(struct cache *c)
{
    struct cache_job *job = c->refused.first;

    queue_init(&c->refused);
    while (job) {
        struct cache_job *const next = job->next;

        if (!ask(c, job))
            answer(c, job, IO_ERROR);
        job = next;
    }
}

/* Something has become possible. */
static void go_on(struct cache *c)
{
    run_refused(c);
    run_held(c);
    (void)cache_write_background(c);
    disk_kick(c->below, 0);
    done_list_tell(&c->done, &c->disk);
}

static void below_done(struct disk_request *r, enum io_result result)
{
    struct cache_job *const job = CONTAINER_OF(r, struct cache_job, below);

    job->cache->asked--;
    answer(job->cache, job, result);
    go_on(job->cache);
}

/* ------------------------------------------------------------ the disk */

static err_t submit(struct disk *d, struct disk_request *r)
{
    struct cache *const c = cache_of(d);
    struct cache_job *const job = c->free;

    if (!job)
        return E_NOMEM;
    c->free = job->next;
    c->busy++;
    *job = (struct cache_job){.whole = r, .cache = c};
    if (r->op != DISK_READ) {
        queue_add(&c->held, job);
        if (c->held.first == job)
            run_held(c);
        (void)cache_write_background(c);
        return OK;
    }
    if (cache_read_hit(c, r)) {
        finish(c, job, IO_DONE);
        return OK;
    }
    cache_read_begin(c, job);
    make_below(job, DISK_READ);
    if (!ask(c, job))
        answer(c, job, IO_ERROR);
    return OK;
}

static void kick(struct disk *d, u32 queue)
{
    disk_kick(cache_of(d)->below, queue);
}

static u64 poll(struct disk *d)
{
    struct cache *const c = cache_of(d);
    const u64 next = disk_poll(c->below);

    go_on(c);
    if (c->done.first || ((c->refused.first || c->held.first) && !c->asked && !cache_writes(c)))
        return 0; /* nobody else will call */

    const u64 later = cache_write_background(c);

    return MIN(next, later);
}

static void interrupts(struct disk *d, bool on)
{
    disk_interrupts(cache_of(d)->below, on);
}

static err_t reset(struct disk *d)
{
    struct cache *const c = cache_of(d);

    while (c->busy || c->done.first)
        (void)poll(d);
    return OK;
}

static void note(struct disk_request *r, enum io_result result)
{
    (void)result;
    *(bool *)r->context = true;
}

static void flush_below(struct cache *c)
{
    bool over = false;
    struct disk_request r = {.op = DISK_FLUSH, .done = note, .context = &over};
    err_t err;

    while ((err = disk_submit(c->below, &r)) == E_NOMEM)
        (void)disk_poll(c->below);
    disk_kick(c->below, 0);
    while (err == OK && !over)
        (void)disk_poll(c->below);
}

static void stop(struct disk *d)
{
    struct cache *const c = cache_of(d);
    const u64 failures = c->failures;

    d->lost = true;
    (void)reset(d);
    while (!clean_all(c) && c->failures == failures) {
        disk_kick(c->below, 0);
        (void)disk_poll(c->below);
    }
    while (cache_writes(c))
        (void)disk_poll(c->below);
    flush_below(c);
}

static void init_map(struct cache *c, const struct cache_memory *m)
{
    const u64 end = ((c->disk.sectors - 1) >> c->sector_shift) + 1;

    if (m->resumed)
        cache_map_resume(&c->map, m->block, m->blocks, m->bucket, m->buckets, end,
                         (u8)(BIT32(BIT32(c->sector_shift)) - 1));
    else
        cache_map_init(&c->map, m->block, m->blocks, m->bucket, m->buckets);
}

err_t cache_open(struct cache *c, struct disk *below, enum cache_mode mode,
                 const struct cache_memory *memory)
{
    static const struct disk_ops ops = {submit, kick, poll, interrupts, reset, stop};
    u32 shift = 0;

    while (below->sector_size << shift < CACHE_BLOCK)
        shift++;
    if (memory->blocks < CACHE_BLOCKS_MIN || memory->buckets == 0 ||
        (memory->buckets & (memory->buckets - 1)) || below->sector_size << shift != CACHE_BLOCK ||
        (u64)memory->blocks * CACHE_BLOCK > memory->data.len)
        return E_INVAL;
    *c = (struct cache){.below = below,
                        .mode = mode,
                        .memory = memory->data,
                        .sector_shift = shift,
                        .disk = *below,
                        .freed = go_on};
    init_map(c, memory);
    c->disk.ops = &ops;
    c->disk.queues = 1;
    c->disk.depth = CACHE_REQUESTS;
    c->disk.sectors_max = MIN(below->sectors_max, (CACHE_READ_LIMIT - 1) << shift);
    c->disk.event = NULL;
    c->disk.context = NULL;
    c->disk.counts = (struct io_counts){0};
    if (writes_back(c))
        c->disk.flags |= DISK_CAN_FLUSH;
    if (mode == CACHE_WRITETHROUGH)
        c->disk.flags &= ~DISK_CAN_FLUSH;
    queue_init(&c->held);
    queue_init(&c->refused);
    done_list_init(&c->done);
    for (u32 i = 0; i < CACHE_REQUESTS; i++) {
        c->job[i].next = c->free;
        c->free = &c->job[i];
    }
    return OK;
}
