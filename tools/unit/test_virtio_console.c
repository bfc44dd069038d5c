/* The virtio console: what the guest sends comes out once and in order through a back end that
 * takes as much as it likes, what is typed fills the guest's buffers, and the size is the
 * configuration. */
#include "control/virtio/console.h"
#include "virtio_bus.h"

#define SLOT    4u
#define RX      VIRTIO_CONSOLE_RX
#define TX      VIRTIO_CONSOLE_TX
#define ALL     (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)
#define DATA_AT (DRV_BASE + 0x20000)
#define BYTES   200000u

static struct fake_bus f;
static struct grant grant;
static struct virtio_console con;
static struct drv_device d;
static struct drv_queue rx, tx;
static u8 out[BYTES];
static u32 out_len, room;
static const char *typed; /* what waits for the guest */
static u32 drivers;       /* that have come */
static bool has_driver;

static u32 output(void *ctx, const u8 *bytes, u32 len)
{
    const u32 now = MIN(len, room);

    assert_ptr_equal(ctx, &out);
    assert_true(out_len + now <= BYTES);
    memcpy(out + out_len, bytes, now);
    out_len += now;
    room -= now;
    return now;
}

static u32 input(void *ctx, u8 *bytes, u32 len)
{
    const u32 now = (u32)MIN(strlen(typed), (size_t)len);

    assert_ptr_equal(ctx, &out);
    assert_true(len > 0 && len <= VIRTIO_CONSOLE_BYTES);
    memcpy(bytes, typed, now);
    typed += now;
    return now;
}

static void driver(void *ctx, bool is_there)
{
    assert_ptr_equal(ctx, &out);
    has_driver = is_there;
    drivers += is_there;
}

static int begin(void **state)
{
    static const struct virtio_console_ops ops = {
        .output = output, .input = input, .driver = driver};

    (void)state;
    fake_bus_init(&f);
    drv_grant(&grant);
    virtio_console_init(&con, &grant, "console", &ops, &out);
    assert_int_equal(pci_bus_add(&f.bus, &con.v.pci, SLOT), OK);
    assert_int_equal(pci_bars_place(&f.bus), OK);
    drv_find(&d, &f, SLOT);
    assert_true(drv_negotiate(&d, ALL | VIRTIO_CONSOLE_F_SIZE | VIRTIO_CONSOLE_F_EMERG_WRITE));
    d.memory = DRV_BASE;
    drv_queue(&d, &rx, RX, 16, ALL);
    drv_queue(&d, &tx, TX, 64, ALL);
    typed = "";
    drivers = 0;
    has_driver = false;
    drv_ok(&d);
    assert_true(has_driver);
    out_len = 0, room = BYTES;
    return 0;
}

static void work(void)
{
    while (virtio_work(&con.v))
        ;
}

static void collect(struct drv_queue *q)
{
    u32 head, len;

    while (drv_used(q, &head, &len))
        assert_int_equal(len, 0);
}

/* A long text in chains of pieces of any length, through a narrow back end. */
static void test_output(void **state)
{
    static u8 text[BYTES];
    u32 sent = 0;

    (void)state;
    for (u32 i = 0; i < BYTES; i++)
        text[i] = (u8)drv_random();
    room = 0;
    while (out_len < BYTES) {
        if (sent < BYTES && tx.left >= 4) {
            struct drv_buffer b[3];
            u64 at = DATA_AT + sent % 0x60000; /* so that none is overwritten before it is out */
            u32 n = 0;
            for (; n < 3 && sent < BYTES; n++) {
                const u32 some = (u32)(drv_random() % 700);
                b[n] = (struct drv_buffer){at, MIN(some, BYTES - sent), false};
                drv_write(at, text + sent, b[n].len);
                sent += b[n].len, at += b[n].len;
            }
            (void)drv_add(&tx, b, n, 0, 0);
            if (drv_show(&tx))
                drv_kick(&d, TX);
        }
        work();
        assert_memory_equal(out, text, out_len);
        if (drv_random() % 2) {
            room = (u32)(drv_random() % 900);
            virtio_console_room(&con);
            work();
        }
        collect(&tx);
    }
    assert_int_equal(tx.left, 64);
    assert_memory_equal(out, text, BYTES);
    assert_true(con.out_bytes == BYTES);
    assert_int_equal(f.says, 0);
}

/* Nothing is taken from the other side that the guest has no room for. */
static void test_input(void **state)
{
    const struct drv_buffer small[2] = {{DATA_AT, 3, true}, {DATA_AT + 100, 2, true}};
    const struct drv_buffer big = {DATA_AT + 200, 4000, true};
    u8 back[8] = {0};
    u32 head, len;

    (void)state;
    typed = "abcdefgh";
    virtio_console_input(&con);
    work();
    assert_string_equal(typed, "abcdefgh"); /* no buffer */
    (void)drv_add(&rx, small, 2, 0, 0);
    (void)drv_add(&rx, &big, 1, 0, 0);
    assert_true(drv_show(&rx));
    drv_kick(&d, RX);
    work();
    assert_int_equal(f.data_count[32 + RX + 1], 1);
    assert_true(drv_used(&rx, &head, &len));
    assert_int_equal(len, 5);
    drv_read(back, DATA_AT, 3);
    drv_read(back + 3, DATA_AT + 100, 2);
    assert_true(drv_used(&rx, &head, &len));
    assert_int_equal(len, 3);
    drv_read(back + 5, DATA_AT + 200, 3);
    assert_memory_equal(back, "abcdefgh", 8);
    assert_true(con.in_bytes == 8);
}

/* A buffer waits, without kicks, until there is input; one without room goes back empty. */
static void test_input_that_comes_late(void **state)
{
    const struct drv_buffer b = {DATA_AT, 4, true}, none = {DATA_AT, 4, false};
    u32 head, len;

    (void)state;
    (void)drv_add(&rx, &none, 1, 0, 0);
    (void)drv_add(&rx, &b, 1, 0, 0);
    (void)drv_show(&rx);
    drv_kick(&d, RX);
    work();
    assert_true(drv_used(&rx, &head, &len));
    assert_int_equal(len, 0);
    assert_false(drv_used(&rx, &head, &len));
    (void)drv_add(&rx, &b, 1, 0, 0);
    assert_false(drv_show(&rx));
    typed = "x";
    virtio_console_input(&con);
    work();
    assert_true(drv_used(&rx, &head, &len));
    assert_int_equal(len, 1);
    assert_false(drv_used(&rx, &head, &len));
    assert_true(con.in_bytes == 1);
}

static void test_size(void **state)
{
    (void)state;
    assert_int_equal(mem_read(&f, d.config, 4), 0);
    const u32 before = COMMON(&d, config_generation);
    virtio_console_resize(&con, 132, 50);
    assert_int_equal(mem_read(&f, d.config, 2), 132);
    assert_int_equal(mem_read(&f, d.config + 2, 2), 50);
    assert_int_equal(mem_read(&f, d.config + 4, 4), 1);
    assert_int_equal(mem_read(&f, d.config + 8, 8), 0); /* half of it is beyond the end */
    assert_int_equal(COMMON(&d, config_generation), before + 1);
    assert_int_equal(f.data_count[32], 1);
    mem_write(&f, d.config + 8, 4, 'x');
    mem_write(&f, d.config + 8, 1, 'y'); /* not the register */
    mem_write(&f, d.config, 4, 'z');
    assert_int_equal(out_len, 1);
    assert_int_equal(out[0], 'x');
}

/* Reset in the middle of a chain: the next one begins at its beginning. */
static void test_reset(void **state)
{
    const struct drv_buffer b = {DATA_AT, 6, false};

    (void)state;
    room = 3;
    drv_write(DATA_AT, "abcdef", 6);
    (void)drv_add(&tx, &b, 1, 0, 0);
    (void)drv_show(&tx);
    drv_kick(&d, TX);
    work();
    assert_int_equal(out_len, 3);
    assert_true(drv_negotiate(&d, ALL));
    assert_false(has_driver);
    d.memory = DRV_BASE;
    drv_queue(&d, &tx, TX, 64, ALL);
    drv_ok(&d);
    assert_true(has_driver);
    assert_int_equal(drivers, 2);
    room = 10;
    (void)drv_add(&tx, &b, 1, 0, 0);
    (void)drv_show(&tx);
    drv_kick(&d, TX);
    work();
    assert_int_equal(out_len, 9);
    assert_memory_equal(out, "abcabcdef", 9);
    typed = "x";
    virtio_console_input(&con);
    work();
    assert_string_equal(typed, "x"); /* its queue is off */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_output, begin),
        cmocka_unit_test_setup(test_input, begin),
        cmocka_unit_test_setup(test_input_that_comes_late, begin),
        cmocka_unit_test_setup(test_size, begin),
        cmocka_unit_test_setup(test_reset, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
