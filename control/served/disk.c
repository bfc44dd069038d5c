/* See disk.h. */
#include "control/served/disk.h"
#include "control/disk/backing.h"
#include "control/disk/backing_text.h"
#include "control/machine/machine.h"
#include "control/memory.h"
#include "control/rt.h"
#include "control/virtio/blk.h"
#include "lib/fmt.h"

#define POOL    32u /* requests under way */
#define BOUNCE  (64 * KiB)
#define WHY_MAX 180u

struct served_disk {
    struct served_device device;
    struct virtio_blk blk;
    struct disk *disk;
    struct io_dma bounce;
    struct blk_request pool[POOL];
};

#define PAGES (ALIGN_UP(sizeof(struct served_disk), PAGE_SIZE) / PAGE_SIZE)

_Static_assert(DISK_QUEUES_MAX <= KEPT_QUEUES, "all of them go on after a crash");

static void free_all(struct served_disk *s)
{
    struct io_env *const env = machine_env();

    if (s->bounce.len)
        env->ops->dma_free(env, &s->bounce);
    memory_pages_free(s, PAGES);
}

static void close(struct served_device *d)
{
    struct served_disk *const s = CONTAINER_OF(d, struct served_disk, device);

    virtio_reset(&s->blk.v);
    backing_close(s->disk);
    free_all(s);
}

static err_t make(struct served_disk *s, const struct grant *grant, u32 vcpus)
{
    const struct virtio_blk_setup setup = {
        .grant = grant,
        .name = s->device.name,
        .id = s->device.name,
        .disk = s->disk,
        .queues = (u16)MIN(vcpus, DISK_QUEUES_MAX),
        .pool = s->pool,
        .pool_size = POOL,
        .bounce = s->bounce,
    };

    return virtio_blk_init(&s->blk, &setup);
}

static struct served_device *refused(struct served_disk *s, const char *why)
{
    say("%s", why);
    if (s)
        free_all(s);
    return NULL;
}

struct served_device *disk_open(const char *text, const char *guest, const struct grant *grant,
                                u32 number, u32 vcpus)
{
    struct io_env *const env = machine_env();
    struct served_disk *const s = memory_pages(PAGES);
    char why[WHY_MAX];

    (void)fmt_buf(why, sizeof(why), "guest %s: disk = %s: no memory; set control_memory", guest,
                  text);
    if (!s || env->ops->dma_alloc(env, BOUNCE, PAGE_SIZE, IO_BUS_32, &s->bounce) != OK ||
        backing_open(text, guest, &s->disk, why, sizeof(why)) != OK)
        return refused(s, why);
    (void)fmt_buf(s->device.name, sizeof(s->device.name), "disk%u", number);
    s->device.v = &s->blk.v;
    s->device.close = close;
    if (make(s, grant, vcpus) != OK)
        die("a disk's set-up is wrong");
    if (why[0]) /* a remark */
        say("%s", why);
    say("guest %s: disk%u: %s, %llu KiB%s", guest, number, text,
        (unsigned long long)(s->disk->sectors * s->disk->sector_size / KiB),
        s->disk->flags & DISK_IS_READ_ONLY ? ", read-only" : "");
    return &s->device;
}

void disk_facts(const struct served_device *d, struct manage_disk *facts)
{
    const struct served_disk *const s = CONTAINER_OF(d, struct served_disk, device);
    static struct backing_text text; /* too large for the stack */
    char why[WHY_MAX];

    if (backing_parse(d->text, &text, why, sizeof(why)) != OK)
        die("a disk that is there has a wrong text");
    *facts = (struct manage_disk){
        .guest = d->guest,
        .name = d->name,
        .source = d->text,
        .cache = cache_mode_name(text.mode),
        .bytes = s->disk->sectors * s->disk->sector_size,
        .read_only = s->disk->flags & DISK_IS_READ_ONLY,
        .requests = s->blk.counters.requests,
        .errors = s->blk.counters.errors,
    };
}
