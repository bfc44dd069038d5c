/* arch/x86_64/lib/log_ring.c against a flat history of everything that was ever written. */
#include "lib/log_ring.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING_BYTES 37u
#define GUARD      0x5a

static struct log_ring *make_ring(u64 data_bytes)
{
    const size_t total = sizeof(struct log_ring) + data_bytes;
    char *const memory = malloc(total + 1);

    assert_non_null(memory);
    memset(memory, GUARD, total + 1);

    struct log_ring *const ring = (struct log_ring *)(void *)memory;

    log_ring_init(ring, total);
    return ring;
}

static void test_init(void **state)
{
    struct log_ring *const ring = make_ring(RING_BYTES);

    (void)state;
    assert_true(ring->magic == LOG_RING_MAGIC);
    assert_int_equal(ring->size, RING_BYTES);
    assert_int_equal(ring->written, 0);
    free(ring);
}

/* After any sequence of writes the ring holds the last `size` bytes of the history, each at its
 * position modulo size. */
static void test_holds_the_end_of_the_history(void **state)
{
    static char history[20000];
    struct log_ring *const ring = make_ring(RING_BYTES);
    size_t written = 0;
    unsigned seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(history); i++)
        history[i] = (char)('A' + i % 53);
    while (written < sizeof(history) - 200) {
        const size_t len = (seed = seed * 1103515245u + 12345u) >> 16 & 127;

        log_ring_put(ring, history + written, len);
        written += len;
        assert_int_equal(ring->written, written);
        for (size_t at = written > RING_BYTES ? written - RING_BYTES : 0; at < written; at++)
            assert_int_equal(ring->data[at % RING_BYTES], history[at]);
        assert_int_equal(ring->data[RING_BYTES], GUARD);
    }
    free(ring);
}

struct replayed {
    char text[64];
    size_t len;
    u32 pieces;
};

static void take(void *ctx, const char *text, size_t len)
{
    struct replayed *const r = ctx;

    assert_in_range(r->len + len, 1, sizeof(r->text));
    memcpy(r->text + r->len, text, len);
    r->len += len;
    r->pieces++;
}

/* Of every history the last bytes come, as many as were asked for and are still there. */
static void test_replay(void **state)
{
    static const char history[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    (void)state;
    for (size_t written = 0; written < sizeof(history); written++)
        for (size_t max = 0; max < RING_BYTES + 3; max++) {
            struct log_ring *const ring = make_ring(RING_BYTES);
            struct replayed r = {.len = 0};
            const size_t kept = written < RING_BYTES ? written : RING_BYTES;
            const size_t want = max < kept ? max : kept;

            log_ring_put(ring, history, written);
            log_ring_replay(ring, max, take, &r);
            assert_int_equal(r.len, want);
            assert_in_range(r.pieces, want > 0, 2);
            assert_memory_equal(r.text, history + written - want, want);
            free(ring);
        }
}

/* From any byte that is still there, across the end of the memory. */
static void test_copy(void **state)
{
    struct log_ring *const ring = make_ring(10);
    char text[64];
    u64 n = 0;

    (void)state;
    assert_int_equal(log_ring_copy(ring, 0, text, 5), 0);
    for (; n < 25; n++) {
        const char c = (char)('a' + n);

        log_ring_put(ring, &c, 1);
    }
    assert_int_equal(log_ring_copy(ring, 15, text, sizeof(text)), 10);
    assert_memory_equal(text, "pqrstuvwxy", 10);
    assert_int_equal(log_ring_copy(ring, 18, text, 4), 4);
    assert_memory_equal(text, "stuv", 4);
    assert_int_equal(log_ring_copy(ring, 24, text, 9), 1);
    assert_int_equal(log_ring_copy(ring, 14, text, 9), 0); /* overwritten */
    assert_int_equal(log_ring_copy(ring, 25, text, 9), 0); /* not yet there */
    assert_int_equal(log_ring_copy(ring, ~0ull, text, 9), 0);
    ring->magic++;
    assert_int_equal(log_ring_copy(ring, 20, text, 9), 0);
    free(ring);
}

static void test_damaged_header_is_left_alone(void **state)
{
    struct log_ring *const ring = make_ring(RING_BYTES);

    (void)state;
    ring->magic ^= 1;
    log_ring_put(ring, "text", 4);
    assert_int_equal(ring->written, 0);
    assert_int_equal(ring->data[0], GUARD);
    ring->written = 4;
    log_ring_replay(ring, 4, take, NULL);
    free(ring);
}

static void test_no_room_for_data(void **state)
{
    struct log_ring ring;

    (void)state;
    for (u64 total = sizeof(ring); total > 0; total--) {
        log_ring_init(&ring, total);
        assert_int_equal(ring.size, 0);
        log_ring_put(&ring, "text", 4);
        assert_int_equal(ring.written, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_holds_the_end_of_the_history),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_damaged_header_is_left_alone),
        cmocka_unit_test(test_no_room_for_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
