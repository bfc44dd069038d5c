/* The entropy device, and how queues are worked on: in turns, by kicks or by polling. */
#include "rng_driver.h"

static void test_no_source(void **state)
{
    static struct virtio_rng none;
    const char *why = NULL;

    (void)state;
    assert_int_equal(virtio_rng_init(&none, &grant, "rng", NULL, NULL, &why), E_NOTSUP);
    assert_non_null(strstr(why, "RDSEED"));
}

static void test_random_bytes(void **state)
{
    (void)state;
    run(ALL);
    assert_int_equal(ask(10), 10);
    assert_int_equal(f.data_count[33], 1);
    for (u32 i = 0; i < 10; i++)
        assert_int_equal(*drv_byte(DATA_AT + i), i);
    *drv_used_event(&q) = q.used_seen;
    assert_int_equal(ask(4096), VIRTIO_RNG_BYTES);
    assert_int_equal(f.data_count[33], 2);
    assert_int_equal(ask(0), 0);
    assert_int_equal(f.data_count[33], 2); /* event index */
    assert_int_equal(f.says, 0);
}

/* A buffer waits for a source that is exhausted, and is not given back empty. */
static void test_starved(void **state)
{
    const struct drv_buffer b = {DATA_AT, 16, true};
    u32 head, len;

    (void)state;
    run(ALL);
    source_has = 0;
    (void)drv_add(&q, &b, 1, 0, 0);
    (void)drv_show(&q);
    drv_kick(&d, 0);
    work();
    assert_false(drv_used(&q, &head, &len));
    assert_true(rng.starved);
    source_has = 3;
    virtio_kick(&rng.v, 0);
    work();
    assert_true(drv_used(&q, &head, &len));
    assert_int_equal(len, 3);
    assert_false(rng.starved);
}

/* A turn takes as many chains as the queue is long, and says that there may be more. */
static void test_turns(void **state)
{
    const struct drv_buffer b = {DATA_AT, 1, true};

    (void)state;
    assert_true(drv_negotiate(&d, ALL));
    drv_queue(&d, &q, 0, VIRTIO_RNG_QUEUE_SIZE, ALL);
    drv_ok(&d);
    for (u32 i = 0; i < VIRTIO_RNG_QUEUE_SIZE; i++)
        (void)drv_add(&q, &b, 1, 0, 0);
    (void)drv_show(&q);
    drv_kick(&d, 0);
    assert_true(virtio_work(&rng.v));
    assert_int_equal(q.used->idx, VIRTIO_RNG_QUEUE_SIZE);
    assert_false(virtio_work(&rng.v));
}

/* A polled queue needs no kick, and asks for none. */
static void test_polled(void **state)
{
    const struct drv_buffer b = {DATA_AT, 1, true};
    u32 head, len;

    (void)state;
    run(ALL);
    assert_int_equal(ask(1), 1);
    virtio_poll_queue(&rng.v, 0, true);
    work();
    for (u32 i = 0; i < 20; i++) {
        (void)drv_add(&q, &b, 1, 0, 0);
        assert_false(drv_show(&q) && i != 0);
        work();
        assert_true(drv_used(&q, &head, &len));
    }
    virtio_poll_queue(&rng.v, 0, false);
    work();
    (void)drv_add(&q, &b, 1, 0, 0);
    assert_true(drv_show(&q));
    work();
    assert_false(drv_used(&q, &head, &len));
    drv_kick(&d, 0);
    work();
    assert_true(drv_used(&q, &head, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_source),
        cmocka_unit_test_setup(test_random_bytes, begin),
        cmocka_unit_test_setup(test_starved, begin),
        cmocka_unit_test_setup(test_turns, begin),
        cmocka_unit_test_setup(test_polled, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
