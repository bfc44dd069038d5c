/* drivers/io/virtq.c against a device that keeps all rules and sleeps whenever it may: no request
 * is ever left lying because one side did not wake the other. */
#include "drivers/io/virtq.h"
#include "tools/unit/fake_io.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define REQUESTS 4000u
#define ENTRIES  32u

/* The device: what it has taken and not done, and whether it looks at the ring by itself. */
struct device {
    u16 seen, done;
    bool awake, interrupts;
    u32 held[ENTRIES], holds;
};

static struct fake_io io;
static struct virtq q;
static struct device d;
static u64 random_state;
static u32 tokens[REQUESTS]; /* length + 1 of each that is in the queue, 0: not there */
static u32 taken, kicks, interrupts;
static u32 length_of[ENTRIES];

static u32 rnd(u32 below)
{
    random_state ^= random_state << 13, random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (u32)(random_state >> 11) % below;
}

static u16 *available(u32 at)
{
    return (u16 *)fake_at(&io, virtq_available(&q), 6 + 2u * q.size) + at;
}

static u8 *used(u32 at)
{
    return (u8 *)fake_at(&io, virtq_used(&q), 6 + 8u * q.size) + at;
}

static void used16(u32 at, u16 value)
{
    memcpy(used(at), &value, 2);
}

/* Does one of the requests that it holds, not in their order. */
static void finish_one(void)
{
    const u32 i = rnd(d.holds), id = d.held[i];
    const u16 before = d.done;
    u16 event;

    d.held[i] = d.held[--d.holds];
    memcpy(used(4 + 8 * (d.done % q.size)), &id, 4);
    memcpy(used(8 + 8 * (d.done % q.size)), &length_of[id], 4);
    used16(2, ++d.done);
    event = *available(2 + q.size);
    if (q.event_index ? (u16)(d.done - event - 1) < (u16)(d.done - before) : !(*available(0) & 1)) {
        d.interrupts = true;
        interrupts++;
    }
}

/* Asks for a kick, looks once more, and sleeps. */
static void fall_asleep(void)
{
    if (q.event_index)
        used16(4 + 8 * q.size, d.seen);
    else
        used16(0, 0);
    d.awake = *available(1) != d.seen;
    if (d.awake && !q.event_index)
        used16(0, 1);
}

static void device_step(void)
{
    if (d.holds != 0 && rnd(2) == 0) {
        finish_one();
    } else if (d.awake && *available(1) != d.seen) {
        const u16 id = *available(2 + d.seen++ % q.size);

        assert_true(d.holds < q.size && id < q.size);
        d.held[d.holds++] = id;
    } else if (d.awake) {
        fall_asleep();
    }
}

static void add(u32 i)
{
    const struct virtq_piece piece[] = {{0x1000, 16}, {0x2000, 1 + i % 100}, {0x3000, 1}};
    const u32 in = 1 + rnd(2);
    u32 slot;

    if (virtq_next(&q, &slot) != OK || virtq_add(&q, piece, 3 - in, in, &tokens[i]) != OK)
        return;
    length_of[slot] = rnd(in == 2 ? 2 + i % 100 : 2);
    tokens[i] = length_of[slot] + 1;
}

static void kick(void)
{
    if (!virtq_publish(&q))
        return;
    kicks++;
    d.awake = true;
    if (!q.event_index)
        used16(0, 1);
}

static void drain(void)
{
    void *token;
    u32 slot, written;
    enum virtq_taken t;

    do {
        while ((t = virtq_take(&q, &token, &slot, &written)) == VIRTQ_TAKEN) {
            u32 *length = token;

            assert_int_equal(*length, written + 1);
            *length = 0;
            taken++;
        }
        assert_int_equal(t, VIRTQ_NOTHING);
    } while (q.interrupts && virtq_rearm(&q));
}

static void run(u32 size, bool event_index, bool indirect, u64 seed)
{
    u32 next = 0;

    random_state = seed;
    fake_io_open(&io, NULL);
    memset(&d, 0, sizeof(d));
    memset(tokens, 0, sizeof(tokens));
    taken = kicks = interrupts = 0;
    assert_int_equal(virtq_open(&q, &io.env, size, event_index, indirect), OK);
    while (next < REQUESTS) {
        switch (rnd(8)) {
        case 0:
        case 1:
            add(next);
            next += tokens[next] != 0;
            break;
        case 2: kick(); break;
        case 3:
            if (virtq_interrupts(&q, rnd(4) != 0) && q.interrupts)
                drain();
            break;
        case 4:
            if (d.interrupts || !q.interrupts) {
                d.interrupts = false;
                drain();
            }
            break;
        default: device_step(); break;
        }
    }
    kick();
    if (virtq_interrupts(&q, true))
        drain();
    for (u32 idle = 0; idle < 64; idle = d.holds != 0 || d.awake || d.interrupts ? 0 : idle + 1) {
        device_step();
        if (d.interrupts) {
            d.interrupts = false;
            drain();
        }
    }
    assert_int_equal(taken, REQUESTS); /* else somebody sleeps over it */
    assert_int_equal(virtq_room(&q, 3), indirect ? size : size / 3);
    assert_int_equal(q.free_count, size);
    assert_true(kicks < REQUESTS && interrupts <= REQUESTS);
    virtq_close(&q);
    assert_true(fake_io_close(&io));
}

static void test_nobody_sleeps_over_a_request(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 20; seed++)
        for (u32 how = 0; how < 4; how++) {
            run(ENTRIES, how & 1, how & 2, seed);
            run(4, how & 1, how & 2, seed);
        }
}

static void test_sizes_and_chains(void **state)
{
    const struct virtq_piece piece[VIRTQ_CHAIN_MAX + 1] = {{0, 1}};
    int token;

    (void)state;
    fake_io_open(&io, NULL);
    assert_int_equal(virtq_open(&q, &io.env, 0, false, false), E_NOTSUP);
    assert_int_equal(virtq_open(&q, &io.env, 1, false, false), E_NOTSUP);
    assert_int_equal(virtq_open(&q, &io.env, 24, false, false), E_NOTSUP);
    assert_int_equal(virtq_open(&q, &io.env, 32768, false, true), OK);
    assert_int_equal(q.size, VIRTQ_SIZE_MAX);
    assert_int_equal(virtq_add(&q, piece, 0, 0, &token), E_INVAL);
    assert_int_equal(virtq_add(&q, piece, VIRTQ_CHAIN_MAX, 1, &token), E_INVAL);
    assert_int_equal(virtq_add(&q, piece, VIRTQ_CHAIN_MAX, 0, &token), OK);
    virtq_close(&q);
    assert_int_equal(virtq_open(&q, &io.env, 4, false, false), OK);
    assert_int_equal(virtq_add(&q, piece, 5, 0, &token), E_INVAL);
    assert_int_equal(virtq_add(&q, piece, 3, 0, &token), OK);
    assert_int_equal(virtq_add(&q, piece, 2, 0, &token), E_NOMEM);
    assert_ptr_equal(virtq_token(&q, 0), &token);
    assert_null(virtq_token(&q, 1));
    assert_null(virtq_token(&q, 99));
    virtq_clear(&q);
    assert_null(virtq_token(&q, 0));
    assert_int_equal(virtq_add(&q, piece, 4, 0, &token), OK);
    virtq_close(&q);
    assert_true(fake_io_close(&io));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_sleeps_over_a_request),
        cmocka_unit_test(test_sizes_and_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
