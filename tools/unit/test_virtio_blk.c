/* virtio-blk in front of a fake disk: random traffic on several queues against an array, with
 * buffers cut anywhere and disks with narrow limits; then each request that is no good. */
#include "control/virtio/blk.h"
#include "fake_disk.h"
#include "virtio_bus.h"

#define SLOT       6u
#define QUEUES     3u
#define POOL       6u
#define JOBS       12u
#define JOB_BYTES  0x4000u
#define JOBS_AT    (DRV_BASE + 0x20000)
#define TABLES_AT  (DRV_BASE + 0x10000)
#define SECTOR     512u
#define OPERATIONS 400000u
#define ALL        (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_RESET)

static struct fake_bus f;
static struct grant grant;
static struct fake_disk disk;
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
static u64 done_jobs;

static void attach(u32 sector_size, const struct disk *limits)
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
    const struct virtio_blk_setup setup = {
        .grant = &grant,
        .name = "disk",
        .id = "serial-0123456789abcdef",
        .disk = &disk.disk,
        .queues = QUEUES,
        .pool = pool,
        .pool_size = POOL,
        .bounce = {.at = bounce, .bus = 0x1000, .len = sizeof(bounce)},
    };
    assert_int_equal(virtio_blk_init(&blk, &setup), OK);
    assert_int_equal(pci_bus_add(&f.bus, &blk.v.pci, SLOT), OK);
    assert_int_equal(pci_bars_place(&f.bus), OK);
    drv_find(&d, &f, SLOT);
}

static void start(u64 features)
{
    assert_true(drv_negotiate(&d, features));
    d.memory = DRV_BASE;
    for (u16 i = 0; i < QUEUES; i++)
        drv_queue(&d, &q[i], i, 64, features);
    drv_ok(&d);
    memset(job, 0, sizeof(job));
}

/* Pieces of [at, at + len), cut anywhere or at whole sectors alone. */
static u32 cut(struct drv_buffer *b, u64 at, u32 len, bool in, bool odd)
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

static bool overlaps(u32 first, u32 sectors)
{
    for (u32 i = 0; i < JOBS; i++)
        if (job[i].used && first < job[i].first + job[i].sectors && job[i].first < first + sectors)
            return true;
    return false;
}

/* The data of a discard or write-zeroes: up to three ranges that follow each other. */
static u32 write_ranges(const struct job *j, u64 at)
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
static void expect(struct job *j)
{
    const u32 bytes = j->sectors * SECTOR;

    switch (j->type) {
    case VIRTIO_BLK_T_IN: memcpy(j->expected, model + j->first * SECTOR, bytes); break;
    case VIRTIO_BLK_T_OUT: drv_read(j->expected, j->data_at, bytes); break;
    case VIRTIO_BLK_T_DISCARD: memset(j->expected, 0xdd, bytes); break;
    default: memset(j->expected, 0, bytes); break;
    }
}

static void submit(void)
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
    if (j->type == VIRTIO_BLK_T_FLUSH)
        j->sectors = 0;
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

static void complete(const struct job *j, u32 len)
{
    const u32 bytes = j->sectors * SECTOR;

    assert_int_equal(*drv_byte(j->status_at), VIRTIO_BLK_S_OK);
    assert_int_equal(len, j->type == VIRTIO_BLK_T_IN ? bytes + 1 : 1);
    if (j->type == VIRTIO_BLK_T_IN)
        for (u32 i = 0; i < bytes; i++)
            assert_int_equal(*drv_byte(j->data_at + i), j->expected[i]);
    else
        memcpy(model + j->first * SECTOR, j->expected, bytes);
    assert_memory_equal(disk.content + j->first * SECTOR, model + j->first * SECTOR, bytes);
    done_jobs++;
}

static void collect(u16 queue)
{
    u32 head, len;

    while (drv_used(&q[queue], &head, &len)) {
        u32 i = 0;
        while (i < JOBS && !(job[i].used && job[i].queue == queue && job[i].head == head))
            i++;
        assert_true(i < JOBS);
        complete(&job[i], len);
        job[i].used = false;
    }
    if (q[queue].event_idx)
        *drv_used_event(&q[queue]) = q[queue].used_seen;
}

static void traffic(u32 sector_size, const struct disk *limits, u64 features, u32 operations)
{
    attach(sector_size, limits);
    start(features);
    memset(model, 0, sizeof(model));
    done_jobs = 0;
    for (u32 i = 0; i < operations; i++) {
        switch (drv_random() % 4) {
        case 0: submit(); break;
        case 1: (void)virtio_work(&blk.v); break;
        case 2: (void)disk_poll(&disk.disk); break;
        default: collect((u16)(drv_random() % QUEUES)); break;
        }
    }
    for (u32 i = 0; i < 200 * JOBS; i++) { /* all comes back */
        (void)virtio_work(&blk.v);
        (void)disk_poll(&disk.disk);
        collect((u16)(i % QUEUES));
    }
    for (u32 i = 0; i < JOBS; i++)
        assert_false(job[i].used);
    assert_memory_equal(model, disk.content, sizeof(model));
    assert_true(done_jobs > operations / 25);
    assert_true(blk.counters.requests == done_jobs);
    assert_true(blk.counters.errors == 0);
    assert_int_equal(f.says, 0);
}

static void test_traffic(void **state)
{
    // clang-format off
    static const struct disk wide = { .queues = 1, .depth = FAKE_DEPTH, .segments_max = 1000, .segment_bytes_max = ~0u, .sectors_max = ~0u,
        .discard_sectors_max = ~0u, .discard_align = 1, .zeroes_sectors_max = ~0u, .segment_align = 1, .bus_last = ~0ull, .physical_sector = 512 };
    static const struct disk narrow = { .queues = 2, .depth = 2, .segments_max = 3, .segment_bytes_max = 2048, .sectors_max = 5,
        .discard_sectors_max = 9, .discard_align = 1, .zeroes_sectors_max = 7, .segment_align = 4, .bus_last = ~0ull, .physical_sector = 512 };
    static const struct disk aligned = { .queues = 3, .depth = 5, .segments_max = 20, .segment_bytes_max = 4096, .sectors_max = 64,
        .discard_sectors_max = 100, .discard_align = 1, .zeroes_sectors_max = 100, .segment_align = 512, .bus_last = ~0ull, .physical_sector = 4096 };
    // clang-format on
    (void)state;
    traffic(512, &wide, ALL, OPERATIONS / 4);
    assert_true(blk.counters.bounced == 0);
    traffic(512, &narrow, ALL & ~VIRTIO_F_INDIRECT_DESC, OPERATIONS / 4);
    assert_true(blk.counters.parts > done_jobs && blk.counters.bounced > 0 && disk.refused > 0);
    assert_true(disk.unmaps > 0 && disk.flushes > 0);
    traffic(512, &aligned, ALL & ~VIRTIO_F_EVENT_IDX, OPERATIONS / 4);
    assert_true(blk.counters.bounced > 0);
    traffic(1024, &narrow, ALL, OPERATIONS / 4);
}

/* ---- single requests ---- */

static int begin(void **state)
{
    (void)state;
    attach(512, NULL);
    start(ALL);
    return 0;
}

/* A request of `data` bytes; gives the status, and what the driver is told. */
static u8 request(u32 type, u64 sector, u32 data, bool in, u32 *len)
{
    const struct virtio_blk_header h = {.type = type, .sector = sector};
    const struct drv_buffer b[3] = {
        {JOBS_AT, sizeof(h), false}, {JOBS_AT + 64, data, in}, {JOBS_AT + 60, 1, true}};
    u32 head;

    drv_write(JOBS_AT, &h, sizeof(h));
    *drv_byte(JOBS_AT + 60) = 0xee;
    (void)drv_add(&q[0], b, 3, 0, 0);
    (void)drv_show(&q[0]);
    drv_kick(&d, 0);
    (void)virtio_work(&blk.v);
    for (u32 i = 0; i < 64; i++)
        (void)disk_poll(&disk.disk);
    (void)virtio_work(&blk.v);
    assert_true(drv_used(&q[0], &head, len));
    assert_int_equal(blk.v.queue[0].held, 0);
    return *drv_byte(JOBS_AT + 60);
}

static void test_answers(void **state)
{
    const u64 end = FAKE_SECTORS_MAX;
    // clang-format off
    const struct { u32 type; u64 sector; u32 data; bool in; u8 status; u32 len; } cases[] = {
        { VIRTIO_BLK_T_IN, 0, 512, true, VIRTIO_BLK_S_OK, 513 },
        { VIRTIO_BLK_T_IN, end - 1, 512, true, VIRTIO_BLK_S_OK, 513 },
        { VIRTIO_BLK_T_IN, end, 512, true, VIRTIO_BLK_S_IOERR, 513 },
        { VIRTIO_BLK_T_IN, end - 1, 1024, true, VIRTIO_BLK_S_IOERR, 1025 },
        { VIRTIO_BLK_T_IN, ~0ull, 512, true, VIRTIO_BLK_S_IOERR, 513 },
        { VIRTIO_BLK_T_IN, 1ull << 55, 512, true, VIRTIO_BLK_S_IOERR, 513 },
        { VIRTIO_BLK_T_IN, 0, 511, true, VIRTIO_BLK_S_IOERR, 512 },
        { VIRTIO_BLK_T_IN, 0, 0, true, VIRTIO_BLK_S_OK, 1 },
        { VIRTIO_BLK_T_IN, 0, 512, false, VIRTIO_BLK_S_OK, 1 }, /* no room: nothing is read */
        { VIRTIO_BLK_T_OUT, 0, 512, false, VIRTIO_BLK_S_OK, 1 },
        { VIRTIO_BLK_T_OUT, end, 512, false, VIRTIO_BLK_S_IOERR, 1 },
        { VIRTIO_BLK_T_FLUSH, 0, 0, false, VIRTIO_BLK_S_OK, 1 },
        { VIRTIO_BLK_T_FLUSH, 99, 0, false, VIRTIO_BLK_S_OK, 1 },
        { VIRTIO_BLK_T_GET_ID, 0, 20, true, VIRTIO_BLK_S_OK, 21 },
        { VIRTIO_BLK_T_GET_ID, 0, 5, true, VIRTIO_BLK_S_OK, 6 },
        { 2, 0, 512, true, VIRTIO_BLK_S_UNSUPP, 1 },
        { 12, 0, 512, true, VIRTIO_BLK_S_UNSUPP, 1 },
        { ~0u, 0, 512, true, VIRTIO_BLK_S_UNSUPP, 1 },
        { VIRTIO_BLK_T_DISCARD, 0, 0, false, VIRTIO_BLK_S_IOERR, 1 },
        { VIRTIO_BLK_T_DISCARD, 0, 15, false, VIRTIO_BLK_S_IOERR, 1 },
        { VIRTIO_BLK_T_DISCARD, 0, 9 * 16, false, VIRTIO_BLK_S_IOERR, 1 },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        u32 len = 0;
        memset(drv_byte(JOBS_AT + 64), 0, 2048);
        assert_int_equal(request(cases[i].type, cases[i].sector, cases[i].data, cases[i].in, &len),
                         cases[i].status);
        assert_int_equal(len, cases[i].len);
    }
    assert_int_equal(f.says, 0);
}

static void test_ranges(void **state)
{
    // clang-format off
    static const struct { u32 type; struct virtio_blk_range r[2]; u8 status; } cases[] = {
        { VIRTIO_BLK_T_DISCARD, {{0, 8, 0}, {FAKE_SECTORS_MAX - 1, 1, 0}}, VIRTIO_BLK_S_OK },
        { VIRTIO_BLK_T_DISCARD, {{0, 8, 0}, {FAKE_SECTORS_MAX, 1, 0}}, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_DISCARD, {{0, 8, 0}, {1, ~0u, 0}}, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_DISCARD, {{0, 8, 0}, {~0ull, 2, 0}}, VIRTIO_BLK_S_IOERR },
        { VIRTIO_BLK_T_DISCARD, {{0, 8, VIRTIO_BLK_RANGE_F_UNMAP}, {0, 1, 0}}, VIRTIO_BLK_S_UNSUPP },
        { VIRTIO_BLK_T_WRITE_ZEROES, {{0, 8, VIRTIO_BLK_RANGE_F_UNMAP}, {9, 1, 0}}, VIRTIO_BLK_S_OK },
        { VIRTIO_BLK_T_WRITE_ZEROES, {{0, 8, 2}, {9, 1, 0}}, VIRTIO_BLK_S_UNSUPP },
        { VIRTIO_BLK_T_WRITE_ZEROES, {{0, 0, 0}, {9, 0, 0}}, VIRTIO_BLK_S_OK },
    };
    // clang-format on
    u32 len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(disk.content, 0x55, sizeof(disk.content));
        drv_write(JOBS_AT + 64, cases[i].r, sizeof(cases[i].r));
        assert_int_equal(request(cases[i].type, 0, sizeof(cases[i].r), false, &len),
                         cases[i].status);
        if (cases[i].status != VIRTIO_BLK_S_OK) /* all or nothing of what can be seen before */
            assert_int_equal(disk.content[0], 0x55);
    }
}

static void test_errors_of_the_disk(void **state)
{
    // clang-format off
    static const struct { enum io_result result; u8 status; } cases[] = {
        { IO_DONE, VIRTIO_BLK_S_OK }, { IO_ERROR, VIRTIO_BLK_S_IOERR }, { IO_TIMEOUT, VIRTIO_BLK_S_IOERR },
        { IO_RESET, VIRTIO_BLK_S_IOERR }, { IO_NO_MEDIUM, VIRTIO_BLK_S_IOERR }, { IO_GONE, VIRTIO_BLK_S_IOERR },
        { IO_UNSUPPORTED, VIRTIO_BLK_S_UNSUPP },
    };
    // clang-format on
    u32 len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        disk.next = cases[i].result;
        assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 512, true, &len), cases[i].status);
    }
    /* An error in a later part ends the whole. */
    disk.disk.sectors_max = 1;
    disk.next = IO_ERROR;
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, 1024, false, &len), VIRTIO_BLK_S_IOERR);
    disk.disk.lost = true;
    assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, false, &len), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 512, true, &len), VIRTIO_BLK_S_IOERR);
}

static void test_id(void **state)
{
    u8 id[24] = {0};
    u32 len;

    (void)state;
    assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, 20, true, &len), VIRTIO_BLK_S_OK);
    drv_read(id, JOBS_AT + 64, 20);
    assert_string_equal((char *)id, "serial-0123456789abc");
}

static void test_config(void **state)
{
    struct virtio_blk_config c;

    (void)state;
    for (u32 i = 0; i < sizeof(c) / 4; i++) {
        const u32 word = (u32)mem_read(&f, d.config + 4 * i, 4);
        memcpy((u8 *)&c + 4 * i, &word, 4);
    }
    assert_int_equal(c.capacity, FAKE_SECTORS_MAX);
    assert_int_equal(c.seg_max, 126);
    assert_int_equal(c.blk_size, 512);
    assert_int_equal(c.physical_block_exp, 3);
    assert_int_equal(c.num_queues, QUEUES);
    assert_int_equal(c.max_discard_seg, 8);
    assert_int_equal(c.max_discard_sectors, ~0u);
    assert_int_equal(c.write_zeroes_may_unmap, 1);
    mem_write(&f, d.config, 4, 7); /* nothing there can be written */
    assert_int_equal(mem_read(&f, d.config, 4), FAKE_SECTORS_MAX);
    disk.disk.sectors = 100;
    virtio_blk_changed(&blk);
    assert_int_equal(f.data_count[32], 1);
    assert_int_equal(mem_read(&f, d.config, 4), 100);
    const u64 offered = drv_offered(&d);
    assert_true(offered & VIRTIO_BLK_F_FLUSH && offered & VIRTIO_BLK_F_MQ);
    assert_false(offered & VIRTIO_BLK_F_RO);
}

static void test_read_only(void **state)
{
    u32 len;

    (void)state;
    static const struct disk limits = {.flags = DISK_IS_READ_ONLY,
                                       .queues = 1,
                                       .depth = 4,
                                       .segments_max = 9,
                                       .segment_bytes_max = 4096,
                                       .sectors_max = 9,
                                       .discard_sectors_max = 9,
                                       .zeroes_sectors_max = 9,
                                       .segment_align = 1,
                                       .bus_last = ~0ull};
    attach(512, &limits);
    assert_true(drv_offered(&d) & VIRTIO_BLK_F_RO);
    start(ALL | VIRTIO_BLK_F_RO);
    assert_int_equal(request(VIRTIO_BLK_T_OUT, 0, 512, false, &len), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(VIRTIO_BLK_T_IN, 0, 512, true, &len), VIRTIO_BLK_S_OK);
}

/* Without a header or a status byte there is nothing to answer. */
static void test_malformed(void **state)
{
    const struct drv_buffer bad[][2] = {
        {{JOBS_AT, 16, false}, {JOBS_AT + 16, 512, false}},
        {{JOBS_AT, 15, false}, {JOBS_AT + 60, 1, true}},
        {{JOBS_AT, 16, true}, {JOBS_AT + 60, 1, true}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        start(ALL);
        (void)drv_add(&q[1], bad[i], 2, 0, 0);
        (void)drv_show(&q[1]);
        drv_kick(&d, 1);
        (void)virtio_work(&blk.v);
        assert_true(COMMON(&d, device_status) & VIRTIO_STATUS_NEEDS_RESET);
        assert_string_equal(f.said, "disk: a request without a whole header or a status byte; "
                                    "the device needs a reset");
    }
    assert_int_equal(f.says, ARRAY_LEN(bad));
}

/* A reset with requests in the disk, in parts, waiting, and bounced: it ends when the disk has let
 * go of the last, nothing comes back, and the pool is whole again. */
static void test_reset(void **state)
{
    static const struct disk limits = {.queues = 1,
                                       .depth = 2,
                                       .segments_max = 9,
                                       .segment_bytes_max = 4096,
                                       .sectors_max = 2,
                                       .discard_sectors_max = 9,
                                       .zeroes_sectors_max = 9,
                                       .segment_align = 512,
                                       .bus_last = ~0ull};

    (void)state;
    for (u32 round = 0; round < 300; round++) {
        attach(512, &limits);
        start(ALL);
        for (u32 i = 0; i < 20; i++)
            submit();
        (void)virtio_work(&blk.v);
        for (u32 i = 0; i < round % 20; i++)
            (void)disk_poll(&disk.disk);
        (void)virtio_work(&blk.v);
        u16 used[QUEUES];
        for (u32 i = 0; i < QUEUES; i++)
            used[i] = q[i].used->idx;
        SET_COMMON(&d, device_status, 0);
        assert_int_equal(COMMON(&d, device_status) == 0, disk.count == 0);
        while (disk.count != 0) {
            assert_int_not_equal(COMMON(&d, device_status), 0);
            (void)disk_poll(&disk.disk);
            (void)virtio_work(&blk.v);
        }
        assert_int_equal(COMMON(&d, device_status), 0);
        u32 unused = 0;
        for (const struct blk_request *r = blk.unused; r; r = r->next)
            unused++;
        assert_int_equal(unused, POOL);
        assert_null(blk.waiting);
        assert_false(blk.bounce_used);
        for (u32 i = 0; i < QUEUES; i++)
            assert_int_equal(used[i], q[i].used->idx);
    }
}

static void test_setup(void **state)
{
    static struct virtio_blk none;
    struct virtio_blk_setup s = {.grant = &grant,
                                 .name = "x",
                                 .id = "",
                                 .disk = &disk.disk,
                                 .queues = 0,
                                 .pool = pool,
                                 .pool_size = 1};
    (void)state;
    assert_int_equal(virtio_blk_init(&none, &s), E_INVAL);
    s.queues = VIRTIO_BLK_QUEUES_MAX + 1;
    assert_int_equal(virtio_blk_init(&none, &s), E_INVAL);
    s.queues = 1, s.pool_size = 0;
    assert_int_equal(virtio_blk_init(&none, &s), E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traffic),
        cmocka_unit_test_setup(test_answers, begin),
        cmocka_unit_test_setup(test_ranges, begin),
        cmocka_unit_test_setup(test_errors_of_the_disk, begin),
        cmocka_unit_test_setup(test_id, begin),
        cmocka_unit_test_setup(test_config, begin),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test_setup(test_malformed, begin),
        cmocka_unit_test(test_reset),
        cmocka_unit_test_setup(test_setup, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
