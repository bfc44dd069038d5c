/* See backing.h. */
#include "control/disk/backing.h"
#include "control/disk/backing_source.h"
#include "control/disk/bounce.h"
#include "control/disk/cache_room.h"
#include "control/memory.h"
#include "control/rt.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define BOUNCE_BYTES (64 * KiB) /* each of a bounce's buffers: a run of the cache's blocks */

struct backing {
    char owner[32];
    char name[LASTING_NAME]; /* of what outlives this program */
    struct disk *disk;       /* the guest's */
    struct io_dma self;      /* this struct */
    struct backing_text text;
    struct io_dma buffers;        /* of the bounce */
    struct io_dma room;           /* of the cache */
    struct backing_source source; /* below the bounce */
    struct bounce_disk bounce;    /* below the cache: guests' memory is nothing for a device */
    struct cache cache;
};

static struct backing *backings[BACKINGS_MAX];
static u32 backings_used; /* entries that were ever used: all that has to be looked at */

/* ------------------------------------------------------------ who has what */

static bool overlaps(const struct backing_source *a, const struct backing_source *b)
{
    struct extent x, y;

    if (a->whole != b->whole || a->whole == NULL)
        return false;
    for (u32 i = 0; (x = backing_extent(a, i)).sectors != 0; i++)
        for (u32 k = 0; (y = backing_extent(b, k)).sectors != 0; k++)
            if (x.sector < y.sector + y.sectors && y.sector < x.sector + x.sectors)
                return true;
    return false;
}

static bool writes(const struct backing_source *s)
{
    return !(s->top->flags & DISK_IS_READ_ONLY);
}

/* One that has sectors of this source, and one of the two writes; NULL: none. */
static const struct backing *rival(const struct backing_source *s)
{
    for (u32 i = 0; i < backings_used; i++)
        if (backings[i] && (writes(s) || writes(&backings[i]->source)) &&
            overlaps(s, &backings[i]->source))
            return backings[i];
    return NULL;
}

/* ------------------------------------------------------------ bounce and cache */

static err_t add_bounce(struct backing *b)
{
    struct disk *const below = b->source.top;

    TRY(below->env->ops->dma_alloc(below->env, (u32)(BOUNCE_BUFFERS * BOUNCE_BYTES),
                                   (u32)BOUNCE_BYTES, below->bus_last, &b->buffers));
    TRY(bounce_disk_open(&b->bounce, below,
                         &(struct io_segment){b->buffers.at, b->buffers.bus, b->buffers.len}));
    b->disk = &b->bounce.disk;
    return OK;
}

static err_t add_cache(struct backing *b, enum cache_mode mode)
{
    struct cache_memory memory;

    TRY(cache_room_open(b->name, b->source.top, &b->room, &memory));
    TRY(cache_open(&b->cache, b->disk, mode, &memory));
    b->disk = &b->cache.disk;
    return OK;
}

/* Memory needs none of them. */
static err_t add_layers(struct backing *b, enum cache_mode mode)
{
    b->disk = b->source.top;
    if (b->source.whole == NULL)
        return OK;
    TRY(add_bounce(b));
    return mode == CACHE_NONE ? OK : add_cache(b, mode);
}

/* ------------------------------------------------------------ opening */

static void release(struct backing *b)
{
    const struct io_env_ops *const ops = machine_env()->ops;
    const struct io_dma self = b->self;

    if (b->buffers.at)
        ops->dma_free(machine_env(), &b->buffers);
    if (b->room.at)
        ops->dma_free(machine_env(), &b->room);
    ops->dma_free(machine_env(), &self);
}

/* A disk in memory goes on with what an earlier life has left of it. */
static void find_memory(struct backing *b)
{
    const struct lasting_entry *const e =
        b->text.kind == BACKING_MEMORY ? memory_lasting(b->name) : NULL;

    if (e && e->pages == ALIGN_UP(b->text.bytes, PAGE_SIZE) / PAGE_SIZE)
        b->source.room = (struct io_dma){(void *)e->at, e->at, (u32)b->text.bytes};
    else if (e)
        memory_pages_free((void *)e->at, e->pages);
}

static void keep_memory(const struct backing *b, bool found)
{
    const u32 pages = (u32)(ALIGN_UP(b->text.bytes, PAGE_SIZE) / PAGE_SIZE);

    if (b->text.kind == BACKING_MEMORY && !found &&
        memory_lasts(b->name, b->source.room.at, pages, 0) != OK)
        say("guest %s: no place is left to keep a disk in memory over a crash", b->owner);
}

static err_t open_with(struct backing *b, const char *text, char *why, size_t why_size)
{
    const struct backing_text *const t = &b->text;
    const struct backing *other;

    TRY(backing_parse(text, &b->text, why, why_size));
    find_memory(b);
    const bool found = b->source.room.at != NULL;

    TRY(backing_source_open(&b->source, t, machine_disk(t->disk), machine_env(), why, why_size));
    keep_memory(b, found);
    other = rival(&b->source);
    if (other) {
        fmt_buf(why, why_size, "guest %s %s; give each its own, or `ro` to both", other->owner,
                writes(&other->source) ? "writes to it" : "reads it, and would see it change");
        backing_source_close(&b->source);
        return E_EXIST;
    }
    if (add_layers(b, t->mode) == OK)
        return OK;
    fmt_buf(why, why_size, "no memory is left for its cache; set control_memory");
    backing_source_close(&b->source);
    return E_NOMEM;
}

static err_t open_text(const char *text, const char *owner, struct backing **slot, char *why,
                       size_t why_size)
{
    struct io_dma self;
    struct backing *b;
    err_t err;

    if (machine_env()->ops->dma_alloc(machine_env(), sizeof(*b), (u32)PAGE_SIZE, UINT64_MAX,
                                      &self) != OK) {
        fmt_buf(why, why_size, "no memory is left; set control_memory");
        return E_NOMEM;
    }
    b = self.at;
    b->self = self;
    fmt_buf(b->owner, sizeof(b->owner), "%s", owner);
    fmt_buf(b->name, sizeof(b->name), "%s\n%s", owner, text);
    err = open_with(b, text, why, why_size);
    if (err == OK)
        *slot = b;
    else
        release(b);
    return err;
}

err_t backing_open(const char *text, const char *owner, struct disk **disk, char *why,
                   size_t why_size)
{
    struct backing **slot = backings;
    size_t len = fmt_buf(why, why_size, "guest %.31s: disk = %.80s: ", owner, text);
    err_t err;

    len = MIN(len, why_size - 1);
    while (slot < backings + BACKINGS_MAX && *slot)
        slot++;
    if (slot == backings + BACKINGS_MAX) {
        fmt_buf(why + len, why_size - len, "there are %u disks already", BACKINGS_MAX);
        return E_NOMEM;
    }
    err = open_text(text, owner, slot, why + len, why_size - len);
    if (err != OK)
        return err;
    if (why[len] == '\0')
        why[0] = '\0';
    backings_used = MAX(backings_used, (u32)(slot - backings) + 1);
    *disk = (*slot)->disk;
    return OK;
}

/* ------------------------------------------------------------ closing */

static void note(struct disk_request *r, enum io_result result)
{
    (void)result;
    *(bool *)r->context = true;
}

static void flush(struct disk *disk)
{
    bool over = false;
    struct disk_request r = {.op = DISK_FLUSH, .done = note, .context = &over};
    err_t err;

    while ((err = disk_submit(disk, &r)) == E_NOMEM)
        (void)disk_poll(disk);
    disk_kick(disk, 0);
    while (err == OK && !over)
        (void)disk_poll(disk);
}

void backing_close(struct disk *disk)
{
    for (u32 i = 0; i < backings_used; i++) {
        struct backing *const b = backings[i];

        if (!b || b->disk != disk)
            continue;
        backings[i] = NULL;
        flush(disk);
        if (disk != b->source.top)
            disk_stop(disk);
        if (disk == &b->cache.disk)
            disk_stop(&b->bounce.disk);
        backing_source_close(&b->source);
        release(b);
        return;
    }
}

/* The disk of a guest that is no more; its cache, if it can be opened. */
static void finish(const struct lasting_entry *left)
{
    static char name[LASTING_NAME], why[200]; /* too large for the stack */
    const u64 at = left->at;
    const u32 pages = left->pages;
    struct disk *disk = NULL;
    char *text;

    memcpy(name, left->name, sizeof(name));
    for (text = name; *text && *text != '\n'; text++)
        ;
    if (*text)
        *text++ = '\0';
    if (left->word != 0 && backing_open(text, name, &disk, why, sizeof(why)) == OK)
        backing_close(disk);
    else if (left->word != 0)
        say("%s; what was in its cache is lost", why);
    if (left->at == at) /* nobody has taken it */
        memory_pages_free((void *)at, pages);
}

void backing_finish_left(void)
{
    const struct lasting_entry *left;

    while ((left = memory_left()) != NULL)
        finish(left);
}

u64 backing_poll(void)
{
    u64 next = IO_NEVER;

    for (u32 i = 0; i < backings_used; i++)
        if (backings[i]) {
            const u64 wanted = disk_poll(backings[i]->disk);

            next = MIN(next, wanted);
        }
    return next;
}
