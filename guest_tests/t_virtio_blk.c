/* What a virtio block device does with requests, on the first disk that can be written and the
 * first one that cannot.  All that the first one holds is overwritten. */
#include "guest_tests/virtio/blk.h"

#define BLOCK_BYTES   4096u
#define BLOCK_SECTORS (BLOCK_BYTES / VIRTIO_BLK_SECTOR)
#define DEPTH         32u
#define BIG           (256 * 1024u)
#define ALL           (~0ull)
#define RANGE_AT      64u /* sectors */
#define RANGE_SECTORS 16u

static struct blk disk;
static u8 data[BIG], got[BIG];

/* Numbers that no other call has made. */
static void fill(u8 *at, u32 bytes)
{
    for (u32 i = 0; i < bytes; i += 8) {
        const u64 r = random_u64();
        memcpy(at + i, &r, 8);
    }
}

static bool start(u64 features)
{
    return EXPECT_TRUE(blk_find(&disk, false)) &&
           EXPECT_TRUE(blk_restart(&disk, features, VIRTIO_MSI_NO_VECTOR));
}

static bool start_read_only(void)
{
    return blk_find(&disk, true) && EXPECT_TRUE(blk_restart(&disk, ALL, VIRTIO_MSI_NO_VECTOR));
}

static bool is_zero(const u8 *at, u32 bytes)
{
    for (u32 i = 0; i < bytes; i++)
        if (at[i] != 0)
            return false;
    return true;
}

/* ---------------------------------------------------------------- data */

GUEST_TEST(reads_what_was_written)
{
    if (!start(0))
        return;
    say("# %llu sectors\n", (unsigned long long)disk.sectors);
    for (u32 bytes = 512; bytes <= BIG; bytes *= 2) {
        fill(data, bytes);
        memset(got, 0, bytes);
        EXPECT_EQ(blk_write(&disk, 8, data, bytes), VIRTIO_BLK_S_OK);
        EXPECT_EQ(disk.written, 1);
        EXPECT_EQ(blk_read(&disk, 8, got, bytes), VIRTIO_BLK_S_OK);
        EXPECT_EQ(disk.written, bytes + 1);
        EXPECT_EQ(memcmp(data, got, bytes), 0);
    }
}

GUEST_TEST(first_and_last_sector)
{
    if (!start(0))
        return;
    fill(data, 1024);
    EXPECT_EQ(blk_write(&disk, 0, data, 512), VIRTIO_BLK_S_OK);
    EXPECT_EQ(blk_write(&disk, disk.sectors - 1, data + 512, 512), VIRTIO_BLK_S_OK);
    EXPECT_EQ(blk_read(&disk, disk.sectors - 1, got + 512, 512), VIRTIO_BLK_S_OK);
    EXPECT_EQ(blk_read(&disk, 0, got, 512), VIRTIO_BLK_S_OK);
    EXPECT_EQ(memcmp(data, got, 1024), 0);
}

/* The request is refused as a whole, and nothing is moved. */
GUEST_TEST(beyond_the_end)
{
    if (!start(0))
        return;
    const u64 places[] = {disk.sectors, disk.sectors + 1, disk.sectors - 1, ~0ull,
                          ~0ull - 1,    1ull << 55,       ~0ull / 512};

    fill(data, 1024);
    EXPECT_EQ(blk_write(&disk, disk.sectors - 2, data, 1024), VIRTIO_BLK_S_OK);
    for (u32 i = 0; i < ARRAY_LEN(places); i++) {
        memset(got, 0x77, 1024);
        EXPECT_EQ(blk_read(&disk, places[i], got, 1024), VIRTIO_BLK_S_IOERR);
        EXPECT_EQ(blk_write(&disk, places[i], got, 1024), VIRTIO_BLK_S_IOERR);
    }
    EXPECT_EQ(blk_read(&disk, disk.sectors - 2, got, 1024), VIRTIO_BLK_S_OK);
    EXPECT_EQ(memcmp(data, got, 1024), 0);
}

GUEST_TEST(no_whole_sectors)
{
    if (!start(0))
        return;
    EXPECT_EQ(blk_read(&disk, 0, got, 511), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(blk_read(&disk, 0, got, 513), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(blk_write(&disk, 0, data, 1), VIRTIO_BLK_S_IOERR);
}

/* In pieces of all kinds of lengths, at odd addresses. */
static void in_pieces(const u32 *lengths, u32 n)
{
    struct queue_part parts[BLK_PARTS] = {{0}};
    u32 bytes = 0;

    for (u32 i = 0; i < n; i++)
        bytes += lengths[i];
    fill(data, ALIGN_UP(bytes, 8u));
    for (u32 i = 0, at = 0; i < n; at += lengths[i++])
        parts[i] = (struct queue_part){.at = data + at, .len = lengths[i]};
    EXPECT_EQ(blk_do(&disk, VIRTIO_BLK_T_OUT, 16, parts, n), VIRTIO_BLK_S_OK);
    memset(got, 0, BIG / 2);
    for (u32 i = 0, at = 0; i < n; at += lengths[i++])
        parts[i] = (struct queue_part){.at = got + at + 3 * i, .len = lengths[i], .in = true};
    EXPECT_EQ(blk_do(&disk, VIRTIO_BLK_T_IN, 16, parts, n), VIRTIO_BLK_S_OK);
    for (u32 i = 0, at = 0; i < n; at += lengths[i++])
        EXPECT_EQ(memcmp(data + at, got + at + 3 * i, lengths[i]), 0);
}

GUEST_TEST(segments)
{
    static const u32 sectors[] = {512, 1024, 512}, odd[] = {1, 3, 508}, across[] = {700, 300, 24},
                     pages[] = {4096, 4096, 4096, 4096}, mixed[] = {4095, 2, 4097, 510, 1536, 4096};
    static const u32 many[32] = {[0 ... 31] = 16};

    if (!start(0))
        return;
    in_pieces(sectors, ARRAY_LEN(sectors));
    in_pieces(odd, ARRAY_LEN(odd));
    in_pieces(across, ARRAY_LEN(across));
    in_pieces(pages, ARRAY_LEN(pages));
    in_pieces(mixed, ARRAY_LEN(mixed));
    in_pieces(many, ARRAY_LEN(many));
}

/* "Legacy Interface: Framing Requirements" do not hold: the header and the status may be in one
 * piece with data, or in several. */
GUEST_TEST(framing)
{
    static struct {
        struct virtio_blk_header header;
        u8 data[512];
    } out;
    static struct {
        u8 data[512];
        volatile u8 status;
    } in;
    struct queue_part parts[3];
    u32 written;

    if (!start(0))
        return;
    fill(out.data, 512);
    out.header = (struct virtio_blk_header){.type = VIRTIO_BLK_T_OUT, .sector = 5};
    in.status = BLK_NO_WORD;
    parts[0] = (struct queue_part){.at = &out, .len = 7};
    parts[1] = (struct queue_part){.at = (u8 *)&out + 7, .len = sizeof(out) - 7};
    parts[2] = (struct queue_part){.at = (void *)&in.status, .len = 1, .in = true};
    EXPECT_NE(queue_add(&disk.queue, parts, 3), QUEUE_NONE);
    queue_kick(&disk.queue);
    EXPECT_TRUE(queue_wait(&disk.queue, tsc_ms(VIRTIO_PATIENCE)));
    EXPECT_NE(queue_take(&disk.queue, &written), QUEUE_NONE);
    EXPECT_EQ(in.status, VIRTIO_BLK_S_OK);
    out.header.type = VIRTIO_BLK_T_IN;
    in.status = BLK_NO_WORD;
    parts[0] = (struct queue_part){.at = &out.header, .len = sizeof(out.header)};
    parts[1] = (struct queue_part){.at = &in, .len = sizeof(in), .in = true};
    EXPECT_NE(queue_add(&disk.queue, parts, 2), QUEUE_NONE);
    queue_kick(&disk.queue);
    EXPECT_TRUE(queue_wait(&disk.queue, tsc_ms(VIRTIO_PATIENCE)));
    EXPECT_NE(queue_take(&disk.queue, &written), QUEUE_NONE);
    EXPECT_EQ(written, sizeof(in));
    EXPECT_EQ(in.status, VIRTIO_BLK_S_OK);
    EXPECT_EQ(memcmp(in.data, out.data, 512), 0);
}

/* ---------------------------------------------------------------- many at a time */

static struct blk_request request[DEPTH];
static struct virtq_desc table[DEPTH][3];

/* DEPTH requests at once, each its own block; three rounds of them. */
static void at_depth(u32 type, bool indirect)
{
    u8 *const at = type == VIRTIO_BLK_T_IN ? got : data;
    u32 written;

    for (u32 i = 0; i < DEPTH; i++) {
        const struct queue_part part = {
            .at = at + i * BLOCK_BYTES, .len = BLOCK_BYTES, .in = type == VIRTIO_BLK_T_IN};
        const u64 sector = (DEPTH - 1 - i) * BLOCK_SECTORS;
        const u16 head =
            indirect ? blk_add_indirect(&disk, &request[i], type, sector, &part, 1, table[i])
                     : blk_add(&disk, &request[i], type, sector, &part, 1);
        EXPECT_NE(head, QUEUE_NONE);
    }
    queue_interrupts(&disk.queue, false);
    queue_kick(&disk.queue);
    for (u32 i = 0; i < DEPTH; i++) {
        EXPECT_TRUE(queue_wait(&disk.queue, tsc_ms(VIRTIO_PATIENCE)));
        EXPECT_NE(queue_take(&disk.queue, &written), QUEUE_NONE);
    }
    EXPECT_FALSE(queue_has(&disk.queue));
    for (u32 i = 0; i < DEPTH; i++)
        EXPECT_EQ(request[i].status, VIRTIO_BLK_S_OK);
}

static void rounds(bool indirect)
{
    for (u32 i = 0; i < 3; i++) {
        fill(data, DEPTH * BLOCK_BYTES);
        memset(got, 0, DEPTH * BLOCK_BYTES);
        at_depth(VIRTIO_BLK_T_OUT, indirect);
        at_depth(VIRTIO_BLK_T_IN, indirect);
        EXPECT_EQ(memcmp(data, got, DEPTH * BLOCK_BYTES), 0);
    }
}

GUEST_TEST(depth_of_32)
{
    if (start(0))
        rounds(false);
    EXPECT_TRUE(disk.queue.kicks <= 6);
}

GUEST_TEST(depth_of_32_indirect)
{
    if (start(VIRTIO_F_INDIRECT_DESC) && EXPECT_TRUE(virtio_has(&disk.v, VIRTIO_F_INDIRECT_DESC)))
        rounds(true);
}

GUEST_TEST(depth_of_32_event_index)
{
    if (start(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX))
        rounds(true);
}

/* Around the ring's end many times, with one doorbell a request at most. */
GUEST_TEST(one_at_a_time)
{
    if (!start(VIRTIO_F_EVENT_IDX))
        return;
    fill(data, BLOCK_BYTES);
    EXPECT_EQ(blk_write(&disk, 0, data, BLOCK_BYTES), VIRTIO_BLK_S_OK);
    for (u32 i = 0; i < 3 * QUEUE_SIZE; i++) {
        memset(got, 0, BLOCK_BYTES);
        EXPECT_EQ(blk_read(&disk, 0, got, BLOCK_BYTES), VIRTIO_BLK_S_OK);
        EXPECT_EQ(memcmp(data, got, BLOCK_BYTES), 0);
    }
    EXPECT_TRUE(disk.queue.kicks <= 3 * QUEUE_SIZE + 1);
}

/* ---------------------------------------------------------------- the other requests */

GUEST_TEST(flush)
{
    if (!start(ALL))
        return;
    if (!virtio_has(&disk.v, VIRTIO_BLK_F_FLUSH))
        SKIP("not offered");
    EXPECT_EQ(blk_write(&disk, 0, data, BLOCK_BYTES), VIRTIO_BLK_S_OK);
    EXPECT_EQ(blk_flush(&disk), VIRTIO_BLK_S_OK);
}

GUEST_TEST(get_id)
{
    char id[VIRTIO_BLK_ID_BYTES + 1];
    const struct queue_part part = {.at = id, .len = VIRTIO_BLK_ID_BYTES, .in = true};

    if (!start(ALL))
        return;
    memset(id, 0xee, sizeof(id));
    EXPECT_EQ(blk_do(&disk, VIRTIO_BLK_T_GET_ID, 0, &part, 1), VIRTIO_BLK_S_OK);
    id[VIRTIO_BLK_ID_BYTES] = 0;
    say("# id '%s'\n", id);
    EXPECT_TRUE(id[0] > ' ' && id[0] < 0x7f);
}

GUEST_TEST(unknown_request)
{
    static const u32 types[] = {6, 10, 14, 0x7e, 0x7ffffffe};

    if (!start(ALL))
        return;
    for (u32 i = 0; i < ARRAY_LEN(types); i++)
        EXPECT_EQ(blk_do(&disk, types[i], 0, NULL, 0), VIRTIO_BLK_S_UNSUPP);
}

/* A range in the middle; its neighbours stay. */
static void clear_range(u32 type, u32 flags, bool zeroes)
{
    const u64 first = RANGE_AT - RANGE_SECTORS;
    const u32 part = RANGE_SECTORS * VIRTIO_BLK_SECTOR;

    fill(data, 3 * part);
    EXPECT_EQ(blk_write(&disk, first, data, 3 * part), VIRTIO_BLK_S_OK);
    EXPECT_EQ(blk_range(&disk, type, RANGE_AT, RANGE_SECTORS, flags), VIRTIO_BLK_S_OK);
    EXPECT_EQ(blk_read(&disk, first, got, 3 * part), VIRTIO_BLK_S_OK);
    EXPECT_EQ(memcmp(got, data, part), 0);
    EXPECT_EQ(memcmp(got + 2 * part, data + 2 * part, part), 0);
    if (zeroes)
        EXPECT_TRUE(is_zero(got + part, part));
    EXPECT_EQ(blk_range(&disk, type, disk.sectors - 1, 2, flags), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(blk_range(&disk, type, ~0ull - 3, 8, flags), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(blk_range(&disk, type, RANGE_AT, RANGE_SECTORS, 0x80), VIRTIO_BLK_S_UNSUPP);
}

GUEST_TEST(discard)
{
    if (!start(ALL))
        return;
    if (!virtio_has(&disk.v, VIRTIO_BLK_F_DISCARD))
        SKIP("not offered");
    clear_range(VIRTIO_BLK_T_DISCARD, 0, false);
}

GUEST_TEST(write_zeroes)
{
    if (!start(ALL))
        return;
    if (!virtio_has(&disk.v, VIRTIO_BLK_F_WRITE_ZEROES))
        SKIP("not offered");
    clear_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, true);
    clear_range(VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_RANGE_F_UNMAP, true);
}

GUEST_TEST(read_only)
{
    if (!start_read_only())
        SKIP("no such disk");
    EXPECT_EQ(blk_read(&disk, 0, data, BLOCK_BYTES), VIRTIO_BLK_S_OK);
    memset(got, 0xa5, BLOCK_BYTES);
    EXPECT_EQ(blk_write(&disk, 0, got, BLOCK_BYTES), VIRTIO_BLK_S_IOERR);
    EXPECT_EQ(blk_read(&disk, 0, got, BLOCK_BYTES), VIRTIO_BLK_S_OK);
    EXPECT_EQ(memcmp(data, got, BLOCK_BYTES), 0);
    EXPECT_NE(blk_range(&disk, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_OK);
    if (pci_is_lintel()) /* QEMU's takes it, and does nothing */
        EXPECT_NE(blk_range(&disk, VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_OK);
}

/* Whatever is under way is given up; the ring stays as it is; then all is as before. */
GUEST_TEST(reset_under_way)
{
    for (u32 round = 0; round < 8; round++) {
        if (!start(VIRTIO_F_EVENT_IDX))
            return;
        for (u32 i = 0; i < DEPTH; i++) {
            const struct queue_part part = {
                .at = got + i * BLOCK_BYTES, .len = BLOCK_BYTES, .in = true};
            EXPECT_NE(blk_add(&disk, &request[i], VIRTIO_BLK_T_IN, i * BLOCK_SECTORS, &part, 1),
                      QUEUE_NONE);
        }
        queue_kick(&disk.queue);
        EXPECT_TRUE(virtio_reset(&disk.v));
        memset(got, 0x11, DEPTH * BLOCK_BYTES);
        const u16 idx = *(volatile u16 *)&disk.queue.used->idx;
        for (const u64 from = rdtsc(); rdtsc() - from < tsc_ms(5);)
            ;
        EXPECT_EQ(*(volatile u16 *)&disk.queue.used->idx, idx);
        for (u32 i = 0; i < DEPTH * BLOCK_BYTES; i++)
            if (got[i] != 0x11) {
                FAIL("byte %u was written after the reset", i);
                break;
            }
    }
    if (start(0))
        EXPECT_EQ(blk_read(&disk, 0, got, BLOCK_BYTES), VIRTIO_BLK_S_OK);
}
