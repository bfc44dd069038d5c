/* A load for a disk, and a judge of what it answers: many requests at a time, none of those that
 * change something overlapping another one.  Each sector says which one it is and which write it
 * comes from, so what a read or a power cut leaves can be held against what was promised. */
#pragma once
#include "tools/unit/model_disk.h"

#define LOAD_SLOTS   24u
#define LOAD_SECTORS 72u          /* of a request, at most */
#define LOAD_HOT     (64 * 1024u) /* bytes that most requests are about */

struct load;

struct load_slot {
    struct disk_request request;
    struct io_segment segment[6];
    struct load *load;
    u8 *data;
    u32 version;
    u32 least[LOAD_SECTORS]; /* READ: each sector is this version or a later one */
    u32 *covers;             /* FLUSH: what had been acknowledged when it was submitted */
    bool busy;
};

struct load {
    struct disk *disk;
    struct random random;
    u32 sectors, size;
    bool durable_when_done; /* there is no volatile cache: a write that is done is promised */
    u32 version;
    u32 *submitted;    /* by sector: the last write given to the disk; */
    u32 *acknowledged; /*   the last one that was done; */
    u32 *promised;     /*   that, as of the last flush that was done; */
    u32 *zeroed;       /*   the last one that was of zeros */
    struct load_slot slot[LOAD_SLOTS];
    u64 reads, writes, flushes, errors, wrong;
    bool allow_errors, discards, overlaps;
};

static inline void load_fill(struct load *l, u8 *at, u64 sector, u32 version)
{
    for (u32 i = 0; i < l->size; i += 16) {
        memcpy(at + i, &sector, 8);
        memcpy(at + i + 8, &version, 4);
        memcpy(at + i + 12, &i, 4);
    }
}

static inline bool load_is_zero(const u8 *at, u32 size)
{
    return at[0] == 0 && memcmp(at, at + 1, size - 1) == 0;
}

/* Whether a sector has the content of a version from `least` to the last one submitted; `older`: or
 * any one before. */
static inline bool load_right(struct load *l, const u8 *at, u64 sector, u32 least, bool older)
{
    u32 version;
    u8 *const want = malloc(l->size);
    bool right;

    if (load_is_zero(at, l->size)) {
        free(want);
        return older || least == 0 || l->zeroed[sector] >= least;
    }
    memcpy(&version, at + 8, 4);
    load_fill(l, want, sector, version);
    right = memcmp(want, at, l->size) == 0 && version <= l->submitted[sector] &&
            (older || version >= least);
    free(want);
    return right;
}

static inline void load_done(struct disk_request *r, enum io_result result)
{
    struct load_slot *const s = r->context;
    struct load *const l = s->load;

    if (!s->busy)
        abort();
    s->busy = false;
    l->errors += result != IO_DONE;
    if (result != IO_DONE && !l->allow_errors)
        abort();
    for (u32 i = 0; i < r->sectors && result == IO_DONE; i++) {
        const u64 sector = r->sector + i;

        if (r->op == DISK_READ) {
            l->wrong += !load_right(l, s->data + (u64)i * l->size, sector, s->least[i], false);
            continue;
        }
        l->acknowledged[sector] = s->version;
        if (l->durable_when_done)
            l->promised[sector] = s->version;
    }
    if (r->op != DISK_FLUSH)
        return;
    for (u32 i = 0; i < l->sectors && result == IO_DONE; i++)
        l->promised[i] = MAX(l->promised[i], s->covers[i]);
    free(s->covers);
}

static inline bool load_overlaps(const struct load *l, u64 sector, u32 sectors)
{
    for (u32 i = 0; i < LOAD_SLOTS; i++) {
        const struct disk_request *const r = &l->slot[i].request;

        if (l->slot[i].busy && r->op != DISK_READ && r->sector < sector + sectors &&
            sector < r->sector + r->sectors)
            return true;
    }
    return false;
}

/* Cuts the slot's memory into segments, at multiples of four bytes. */
static inline void load_segments(struct load *l, struct load_slot *s)
{
    const u64 len = (u64)s->request.sectors * l->size;
    u64 at = 0;

    s->request.segments = 0;
    while (at < len) {
        u64 part = len - at;

        if (s->request.segments < ARRAY_LEN(s->segment) - 1 && part > 8 &&
            random_percent(&l->random, 60))
            part = 4 + ALIGN_DOWN(random_below(&l->random, (u32)part - 4), 4u);
        s->segment[s->request.segments++] = (struct io_segment){s->data + at, 4096 + at, (u32)part};
        at += part;
    }
    s->request.segment = s->segment;
}

static inline void load_prepare(struct load *l, struct load_slot *s)
{
    struct disk_request *const r = &s->request;

    s->version = r->op == DISK_READ || r->op == DISK_FLUSH ? 0 : ++l->version;
    if (r->op == DISK_READ || r->op == DISK_WRITE)
        load_segments(l, s);
    for (u32 i = 0; i < r->sectors; i++) {
        const u64 sector = r->sector + i;

        s->least[i] = l->acknowledged[sector];
        if (r->op == DISK_WRITE)
            load_fill(l, s->data + (u64)i * l->size, sector, s->version);
    }
}

/* The disk has it: what may be read from now on. */
static inline void load_began(struct load *l, struct load_slot *s)
{
    const struct disk_request *const r = &s->request;

    s->busy = true;
    if (r->op == DISK_FLUSH) {
        s->covers = malloc(l->sectors * sizeof(u32));
        memcpy(s->covers, l->acknowledged, l->sectors * sizeof(u32));
        l->flushes++;
    }
    l->reads += r->op == DISK_READ;
    l->writes += r->op == DISK_WRITE;
    for (u32 i = 0; i < r->sectors && s->version; i++) {
        l->submitted[r->sector + i] = s->version;
        if (r->op != DISK_WRITE)
            l->zeroed[r->sector + i] = s->version;
    }
}

static inline enum disk_op load_op(struct load *l)
{
    const u32 dice = random_below(&l->random, 100);

    if (dice < 50)
        return DISK_WRITE;
    if (dice < 92)
        return DISK_READ;
    if (dice < 94 && l->discards)
        return dice == 92 ? DISK_WRITE_ZEROES : DISK_DISCARD;
    return l->disk->flags & DISK_CAN_FLUSH ? DISK_FLUSH : DISK_READ;
}

/* Submits a request, if there is room. */
static inline void load_submit(struct load *l)
{
    struct load_slot *const s = &l->slot[random_below(&l->random, LOAD_SLOTS)];
    struct disk_request *const r = &s->request;

    if (s->busy)
        return;
    *r = (struct disk_request){.op = load_op(l), .done = load_done, .context = s};
    if (r->op != DISK_FLUSH) {
        r->sectors =
            1 + random_below(&l->random, random_percent(&l->random, 30) ? LOAD_SECTORS : 9);
        /* most of the time in a small part: what is cached is used */
        r->sector = random_below(&l->random, random_percent(&l->random, 60)
                                                 ? MIN(l->sectors / 8, LOAD_HOT / l->size)
                                                 : l->sectors);
        r->sectors = MIN(MIN(r->sectors, l->disk->sectors_max), l->sectors - (u32)r->sector);
        if (r->op != DISK_READ && !l->overlaps && load_overlaps(l, r->sector, r->sectors))
            return;
    }
    load_prepare(l, s);

    const err_t err = disk_submit(l->disk, r);

    if (err == OK)
        load_began(l, s);
    else if (err != E_NOMEM)
        abort();
}

static inline struct load *load_open(struct disk *d, u64 seed)
{
    struct load *const l = calloc(1, sizeof(*l));

    l->disk = d;
    l->random.state = seed * 2 + 1;
    l->sectors = (u32)d->sectors;
    l->size = d->sector_size;
    l->durable_when_done = !(d->flags & DISK_CAN_FLUSH);
    l->submitted = calloc(l->sectors, sizeof(u32));
    l->acknowledged = calloc(l->sectors, sizeof(u32));
    l->promised = calloc(l->sectors, sizeof(u32));
    l->zeroed = calloc(l->sectors, sizeof(u32));
    for (u32 i = 0; i < LOAD_SLOTS; i++) {
        l->slot[i].load = l;
        l->slot[i].data = malloc((u64)LOAD_SECTORS * l->size);
    }
    return l;
}

static inline bool load_busy(const struct load *l)
{
    for (u32 i = 0; i < LOAD_SLOTS; i++)
        if (l->slot[i].busy)
            return true;
    return false;
}

static inline void load_drain(struct load *l)
{
    while (load_busy(l))
        (void)disk_poll(l->disk);
}

/* Requests, `turns` times a few, and then their ends. */
static inline void load_run(struct load *l, u32 turns)
{
    for (u32 i = 0; i < turns; i++) {
        for (u32 some = random_below(&l->random, 4); some; some--)
            load_submit(l);
        disk_kick(l->disk, 0);
        (void)disk_poll(l->disk);
    }
    load_drain(l);
}

/* All requests are done. */
static inline void load_close(struct load *l)
{
    for (u32 i = 0; i < LOAD_SLOTS; i++)
        free(l->slot[i].data);
    free(l->submitted);
    free(l->acknowledged);
    free(l->promised);
    free(l->zeroed);
    free(l);
}
