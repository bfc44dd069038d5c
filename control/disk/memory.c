/* See memory.h.  Pure. */
#include "control/disk/memory.h"
#include "control/disk/segments.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define SECTOR 512u
#define DEPTH  128u
/* Of one request: a longer one takes turns with other work. */
#define SECTORS_MAX (MiB / SECTOR)

static struct memory_disk *memory_of(struct disk *d)
{
    return CONTAINER_OF(d, struct memory_disk, disk);
}

static err_t submit(struct disk *d, struct disk_request *r)
{
    struct memory_disk *const m = memory_of(d);
    u8 *const at = m->at + r->sector * SECTOR;
    const u64 len = (u64)r->sectors * SECTOR;

    if (m->deadly && r->op == DISK_READ && r->sector + r->sectors == d->sectors)
        __builtin_trap();
    (void)io_now(d->env); /* a sign of life: a guest may ask for many in a row */
    switch (r->op) {
    case DISK_READ: segments_write(r->segment, 0, at, len); break;
    case DISK_WRITE: segments_read(r->segment, 0, at, len); break;
    case DISK_DISCARD:
    case DISK_WRITE_ZEROES: memset(at, 0, len); break;
    default: break;
    }
    done_list_add(&m->done, r, IO_DONE);
    return OK;
}

static void kick(struct disk *d, u32 queue)
{
    (void)d;
    (void)queue;
}

static u64 poll(struct disk *d)
{
    struct memory_disk *const m = memory_of(d);

    done_list_tell(&m->done, d);
    return m->done.first ? 0 : IO_NEVER;
}

static void interrupts(struct disk *d, bool on)
{
    (void)d;
    (void)on;
}

static err_t reset(struct disk *d)
{
    (void)poll(d);
    return OK;
}

static void stop(struct disk *d)
{
    d->lost = true;
    (void)poll(d);
}

err_t memory_disk_open(struct memory_disk *m, struct io_env *env, const char *name, void *at,
                       u64 len, bool read_only)
{
    static const struct disk_ops ops = {submit, kick, poll, interrupts, reset, stop};

    if (len < SECTOR)
        return E_INVAL;
    *m = (struct memory_disk){.at = at};
    done_list_init(&m->done);
    m->disk = (struct disk){.ops = &ops,
                            .env = env,
                            .sectors = len / SECTOR,
                            .sector_size = SECTOR,
                            .physical_sector = SECTOR,
                            .flags = DISK_CAN_DISCARD | DISK_CAN_WRITE_ZEROES |
                                     (read_only ? DISK_IS_READ_ONLY : 0),
                            .queues = 1,
                            .depth = DEPTH,
                            .segments_max = UINT32_MAX,
                            .segment_bytes_max = UINT32_MAX,
                            .sectors_max = SECTORS_MAX,
                            .discard_sectors_max = SECTORS_MAX,
                            .discard_align = 1,
                            .zeroes_sectors_max = SECTORS_MAX,
                            .segment_align = 1,
                            .bus_last = UINT64_MAX,
                            .timeout_us = DISK_TIMEOUT_US};
    fmt_buf(m->disk.name, sizeof(m->disk.name), "%s", name);
    return OK;
}
