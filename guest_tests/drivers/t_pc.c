/* A PC's serial port and keyboard: bytes through the port's own loop, and scan codes that the 8042
 * is told to hand out. */
#include "drivers/io/ps2.h"
#include "drivers/io/serial.h"
#include "guest_tests/drivers/env.h"
#include "guest_tests/rt/guest.h"

#define COM2            0x2f8u
#define COM2_LINE       3u
#define MCR             4u
#define MCR_LOOP        0x1bu /* with the outputs as the driver has them */
#define BYTES           2000u
#define PORT_FIFO       16u
#define KEYBOARD_DATA   0x60u
#define KEYBOARD_STATUS 0x64u
#define STATUS_BUSY     0x02u
#define HAND_OUT        0xd2u /* the next byte is handed out as if the keyboard had sent it */
#define WAIT_MS         5000u

static struct serial serial;
static struct ps2 keyboard;
static u8 out[BYTES], in[BYTES];
static u32 taken;
static volatile u64 come;

static void move_bytes(void *arg)
{
    const bool polled = arg != NULL;

    /* What is sent comes at once, and the port holds no more. */
    const u32 room = PORT_FIFO - (taken - (u32)come);

    taken += serial_write(&serial, out + taken, MIN(room, BYTES - taken));
    if (polled)
        (void)serial_poll(&serial);
    come += serial_read(&serial, in + come, BYTES - (u32)come);
}

static void through_the_loop(bool polled)
{
    const u64 interrupts = serial.counts.interrupts;

    for (u32 i = 0; i < BYTES; i++)
        out[i] = (u8)(i * 13 + polled);
    memset(in, 0, sizeof(in));
    taken = 0;
    come = 0;
    serial_interrupts(&serial, !polled);
    outb(COM2 + MCR, MCR_LOOP);
    EXPECT_TRUE(env_wait(&come, BYTES, WAIT_MS, move_bytes, polled ? &serial : NULL));
    EXPECT_EQ(memcmp(in, out, BYTES), 0);
    EXPECT_EQ(serial.counts.lost + serial.counts.overruns + serial.counts.bad, 0);
    EXPECT_EQ(serial.counts.interrupts > interrupts, !polled);
    say("# serial: %u bytes, %llu interrupts\n", BYTES,
        (unsigned long long)(serial.counts.interrupts - interrupts));
}

GUEST_TEST(serial_stream)
{
    env_begin();
    const err_t err = serial_start(&serial, &env, COM2, COM2_LINE, 115200);
    if (err == E_NOENT)
        SKIP("no second serial port");
    EXPECT_EQ(err, OK);
    through_the_loop(false);
    through_the_loop(true);
    serial_stop(&serial);
}

static void wait_ready(void)
{
    const u64 end = io_now(&env) + 100000;

    while ((inb(KEYBOARD_STATUS) & STATUS_BUSY) && io_now(&env) < end)
        cpu_pause();
}

static void hand_out(u8 code)
{
    wait_ready();
    outb(KEYBOARD_STATUS, HAND_OUT);
    wait_ready();
    outb(KEYBOARD_DATA, code);
}

static void take_events(void *arg)
{
    struct key_event event;
    char *text = (char *)arg;

    while (ps2_take(&keyboard, &event))
        come += key_bytes(&event, text + come);
}

/* Shift and h, i, the arrow upwards, Ctrl-]: one byte at a time, as a keyboard would. */
GUEST_TEST(keyboard_by_interrupts)
{
    static const u8 codes[] = {0x2a, 0x23, 0xa3, 0xaa, 0x17, 0x97, 0xe0,
                               0x48, 0xe0, 0xc8, 0x1d, 0x1b, 0x9b, 0x9d};
    static const char expected[] = "Hi\033[A\035";
    char text[64] = {0};

    env_begin();
    const err_t err = ps2_start(&keyboard, &env);
    if (err == E_NOENT)
        SKIP("no keyboard");
    EXPECT_EQ(err, OK);
    ps2_interrupts(&keyboard, true);
    come = 0;
    for (u32 i = 0; i < sizeof(codes); i++) {
        const volatile u64 *count = &keyboard.interrupts;
        const u64 before = *count;

        hand_out(codes[i]);
        EXPECT_TRUE(env_wait(count, before + 1, WAIT_MS, NULL, NULL));
        take_events(text);
    }
    EXPECT_EQ(come, sizeof(expected) - 1);
    EXPECT_EQ(strcmp(text, expected), 0);
    EXPECT_EQ(keyboard.bad + keyboard.lost, 0);
    say("# keyboard: %zu codes, %llu interrupts\n", sizeof(codes),
        (unsigned long long)keyboard.interrupts);
    ps2_interrupts(&keyboard, false);
    hand_out(0x1e);
    ps2_poll(&keyboard);
    come = 0;
    take_events(text);
    EXPECT_EQ(text[0], 'a');
    ps2_stop(&keyboard);
}
