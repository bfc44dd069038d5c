/* A driver of virtio-blk in front of a fake disk: random requests whose outcome is known. */
#pragma once
#include "control/virtio/blk.h"
#include "fake_disk.h"
#include "virtio_bus.h"

#define SLOT      6u
#define QUEUES    3u
#define POOL      6u
#define JOBS      12u
#define JOB_BYTES 0x4000u
#define JOBS_AT   (DRV_BASE + 0x20000)
#define TABLES_AT (DRV_BASE + 0x10000)
#define SECTOR    512u
#define ALL       (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_RESET)

static struct fake_bus f;
static struct grant grant;
static struct fake_disk disk;
static struct disk *behind = &disk.disk; /* what the device gets */
static struct virtio_blk blk;
static struct blk_request pool[POOL];
static struct drv_device d;
static struct drv_queue q[QUEUES];
static _Alignas(4096) u8 bounce[2048];

/* A request as the driver has it; sectors of one are not another's at the same time. */
struct job {
    bool used;
    u16 queue, head;
    u32 type, first, sectors;
    u64 at, data_at, status_at;
    u8 *expected; /* what the sectors hold before or after */
};
static struct job job[JOBS];
static u8 model[FAKE_SECTORS_MAX * SECTOR], expected[JOBS][JOB_BYTES];

/* A new device in its slot. */
static inline void plug_in(void)
{
    const struct virtio_blk_setup setup = {
        .grant = &grant,
        .name = "disk",
        .id = "serial-0123456789abcdef",
        .disk = behind,
        .queues = QUEUES,
        .pool = pool,
        .pool_size = POOL,
        .bounce = {.at = bounce, .bus = 0x1000, .len = sizeof(bounce)},
    };
    assert_int_equal(virtio_blk_init(&blk, &setup), OK);
    assert_int_equal(pci_bus_add(&f.bus, &blk.v.pci, SLOT), OK);
}

static inline void attach(u32 sector_size, const struct disk *limits)
{
    fake_bus_init(&f);
    drv_grant(&grant);
    fake_disk_init(&disk, sector_size);
    if (limits) {
        const struct disk old = disk.disk;
        disk.disk = *limits;
        disk.disk.ops = old.ops, disk.disk.sectors = old.sectors, disk.disk.flags |= old.flags;
        disk.disk.sector_size = sector_size;
    }
    plug_in();
    assert_int_equal(pci_bars_place(&f.bus), OK);
    drv_find(&d, &f, SLOT);
}

static inline void start(u64 features)
{
    assert_true(drv_negotiate(&d, features));
    d.memory = DRV_BASE;
    for (u16 i = 0; i < QUEUES; i++)
        drv_queue(&d, &q[i], i, 64, features);
    drv_ok(&d);
    memset(job, 0, sizeof(job));
}

/* Pieces of [at, at + len), cut anywhere or at whole sectors alone. */
static inline u32 cut(struct drv_buffer *b, u64 at, u32 len, bool in, bool odd)
{
    u32 n = 0;

    while (len != 0) {
        u32 here = 1 + (u32)(drv_random() % (odd ? 1500 : 5));
        here = MIN(odd ? here : here * SECTOR, len);
        if (n == 14)
            here = len;
        b[n++] = (struct drv_buffer){at, here, in};
        at += here, len -= here;
    }
    return n;
}

static inline bool overlaps(u32 first, u32 sectors)
{
    for (u32 i = 0; i < JOBS; i++)
        if (job[i].used && first < job[i].first + job[i].sectors && job[i].first < first + sectors)
            return true;
    return false;
}

/* The data of a discard or write-zeroes: up to three ranges that follow each other. */
static inline u32 write_ranges(const struct job *j, u64 at)
{
    struct virtio_blk_range r[3] = {{0}};
    const u32 n = 1 + (u32)(drv_random() % 3);
    u32 first = j->first, left = j->sectors;

    for (u32 i = 0; i < n; i++) {
        r[i].sector = first;
        r[i].sectors = i + 1 == n ? left : (u32)(drv_random() % (left + 1)) & ~7u;
        r[i].flags = j->type == VIRTIO_BLK_T_WRITE_ZEROES ? (u32)(drv_random() & 1) : 0;
        first += r[i].sectors, left -= r[i].sectors;
    }
    drv_write(at, r, n * sizeof(r[0]));
    return n * (u32)sizeof(r[0]);
}

/* What the sectors hold when it is done. */
static inline void expect(struct job *j)
{
    const u32 bytes = j->sectors * SECTOR;

    switch (j->type) {
    case VIRTIO_BLK_T_IN: memcpy(j->expected, model + j->first * SECTOR, bytes); break;
    case VIRTIO_BLK_T_OUT: drv_read(j->expected, j->data_at, bytes); break;
    case VIRTIO_BLK_T_DISCARD: memset(j->expected, 0xdd, bytes); break;
    default: memset(j->expected, 0, bytes); break;
    }
}

static inline void submit(void)
{
    static const u32 types[] = {VIRTIO_BLK_T_IN,    VIRTIO_BLK_T_IN,           VIRTIO_BLK_T_OUT,
                                VIRTIO_BLK_T_OUT,   VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_DISCARD,
                                VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_OUT};
    u32 i = 0, n, data;
    struct drv_buffer b[40];

    while (i < JOBS && job[i].used)
        i++;
    if (i == JOBS)
        return;
    struct job *const j = &job[i];
    *j = (struct job){.type = types[drv_random() % ARRAY_LEN(types)],
                      .queue = (u16)(drv_random() % QUEUES),
                      .first = (u32)(drv_random() % FAKE_SECTORS_MAX) & ~7u,
                      .sectors = 8 * (1 + (u32)(drv_random() % 3)),
                      .at = JOBS_AT + i * (u64)JOB_BYTES,
                      .expected = expected[i]};
    j->data_at = j->at + 64;
    if (j->type == VIRTIO_BLK_T_FLUSH && !(blk.v.offered & VIRTIO_BLK_F_FLUSH))
        return;
    if (j->type == VIRTIO_BLK_T_FLUSH)
        j->sectors = 0;
    if (j->type == VIRTIO_BLK_T_DISCARD && behind != &disk.disk)
        j->type = VIRTIO_BLK_T_OUT; /* only the fake one says what is left */
    if (j->first + j->sectors > FAKE_SECTORS_MAX || overlaps(j->first, j->sectors) ||
        q[j->queue].left < 40)
        return;
    const struct virtio_blk_header h = {.type = j->type, .sector = j->first};
    const bool odd = drv_random() % 2;
    const bool moves = j->type == VIRTIO_BLK_T_IN || j->type == VIRTIO_BLK_T_OUT;
    drv_write(j->at, &h, sizeof(h));
    if (j->type == VIRTIO_BLK_T_OUT)
        for (u32 k = 0; k < j->sectors * SECTOR; k += 64)
            *drv_byte(j->data_at + k) = (u8)drv_random();
    data = moves ? j->sectors * SECTOR : j->sectors ? write_ranges(j, j->data_at) : 0;
    n = cut(b, j->at, sizeof(h), false, odd);
    n += cut(b + n, j->data_at, data, j->type == VIRTIO_BLK_T_IN, odd);
    j->status_at = j->data_at + data;
    *drv_byte(j->status_at) = 0xee;
    b[n++] = (struct drv_buffer){j->status_at, 1, true};
    expect(j);
    const u32 indirect = virtio_has(&blk.v, VIRTIO_F_INDIRECT_DESC) && drv_random() % 2
                             ? n - (u32)(drv_random() % 2)
                             : 0;
    j->head = drv_add(&q[j->queue], b, n, indirect, TABLES_AT + i * 0x400);
    j->used = true;
    if (drv_show(&q[j->queue]))
        drv_kick(&d, j->queue);
}
