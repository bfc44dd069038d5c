/* A virtio console whose other end is the one of this guest's COM1, and a source of entropy.  With
 * "type" on the command line somebody types what it asks for (tools/testing/hvc.py). */
#include "abi/virtio.h"
#include "guest_tests/virtio/queue.h"

#define RX_SIZE    8u
#define RX_BYTES   16u
#define LINE       64u
#define LINES      600u  /* more than Lintel keeps for a console */
#define PASTE      1000u /* more than it keeps of what is typed */
#define SOON       tsc_ms(50)
#define TYPED_WAIT tsc_ms(20000)
#define WORDS      8u /* of entropy at once */

static struct virtio_device console, entropy;
static struct queue rx, tx, random;
static u8 in[RX_SIZE][RX_BYTES];
static u8 in_of[QUEUE_SIZE]; /* a buffer by its chain's head */

/* ---------------------------------------------------------------- the console */

static bool offer(u8 n)
{
    const struct queue_part part = {.at = in[n], .len = RX_BYTES, .in = true};
    const u16 head = queue_add(&rx, &part, 1);

    if (!EXPECT_NE(head, QUEUE_NONE))
        return false;
    in_of[head] = n;
    return true;
}

static bool begin(bool with_room)
{
    if (!EXPECT_TRUE(virtio_find(&console, VIRTIO_ID_CONSOLE, 0)) ||
        !virtio_begin(&console, VIRTIO_F_EVENT_IDX) ||
        !queue_start(&rx, &console, VIRTIO_CONSOLE_RX, RX_SIZE, VIRTIO_MSI_NO_VECTOR) ||
        !queue_start(&tx, &console, VIRTIO_CONSOLE_TX, QUEUE_SIZE, VIRTIO_MSI_NO_VECTOR))
        return false;
    virtio_go(&console);
    for (u8 n = 0; n < RX_SIZE && with_room; n++)
        if (!offer(n))
            return false;
    queue_kick(&rx);
    return true;
}

/* False: the device does not give it back. */
static bool send(const char *text, u32 len)
{
    const struct queue_part part = {.at = (void *)(u64)text, .len = len};
    u32 written;

    if (queue_add(&tx, &part, 1) == QUEUE_NONE)
        return false;
    queue_kick(&tx);
    return queue_wait(&tx, tsc_ms(VIRTIO_PATIENCE)) && queue_take(&tx, &written) != QUEUE_NONE;
}

/* What has been typed, at most RX_BYTES; 0: nothing in that time. */
static u32 receive(u8 *to, u64 ticks)
{
    u32 len;

    if (!queue_wait(&rx, ticks))
        return 0;
    const u16 head = queue_take(&rx, &len);
    const u8 n = in_of[head];
    if (!EXPECT_TRUE(len != 0 && len <= RX_BYTES))
        return 0;
    memcpy(to, in[n], len);
    (void)offer(n);
    queue_kick(&rx);
    return len;
}

GUEST_TEST(write)
{
    static const char text[] = "# by the virtio console\n";

    if (!begin(true))
        return;
    say("# by COM1\n");
    EXPECT_TRUE(send(text, sizeof(text) - 1));
    EXPECT_TRUE(virtio_reset(&console));
}

/* As fast as it goes: the device waits for room, and nothing is lost.  Who reads the lines sees
 * it. */
GUEST_TEST(write_more_than_there_is_room_for)
{
    char line[LINE];

    if (!begin(true))
        return;
    for (u32 i = 0; i < LINES; i++) {
        u32 len = 0;

        memset(line, '.', sizeof(line));
        memcpy(line, "# line ", 7);
        for (u32 digit = 1000; digit; digit /= 10)
            line[7 + len++] = (char)('0' + i / digit % 10);
        line[LINE - 1] = '\n';
        if (!EXPECT_TRUE(send(line, LINE)))
            return;
    }
    EXPECT_TRUE(virtio_reset(&console));
}

/* OASIS VIRTIO 1.2, "Console Device", "Device Operation": emergency writes need no queue. */
GUEST_TEST(emergency_write)
{
    static const char text[] = "# emergency\n";

    if (!begin(true) || !EXPECT_TRUE(console.config != NULL))
        return;
    volatile struct virtio_console_config *const c =
        (volatile struct virtio_console_config *)(volatile void *)console.config;
    EXPECT_EQ(c->max_nr_ports, 1);
    for (u32 i = 0; i < sizeof(text) - 1; i++)
        c->emerg_wr = (u32)text[i];
    EXPECT_TRUE(virtio_reset(&console));
}

/* ---------------------------------------------------------------- what is typed */

static bool somebody_types(void)
{
    return strcmp(cmdline, "type") == 0;
}

/* Each line is asked for on COM1; what comes is said there. */
GUEST_TEST(read)
{
    u8 got[RX_BYTES];
    u32 len = 0;

    if (!somebody_types())
        SKIP("nobody types");
    if (!begin(true))
        return;
    say("# type hvc\n");
    while (len < 3) {
        const u32 now = receive(got + len, len ? SOON : TYPED_WAIT);
        if (!EXPECT_NE(now, 0))
            return;
        len += now;
    }
    EXPECT_EQ(len, 3);
    EXPECT_EQ(memcmp(got, "hvc", 3), 0);
    EXPECT_EQ(inb(0x3fd) & 1, 0); /* nothing for COM1 */
    EXPECT_TRUE(virtio_reset(&console));
}

/* Much more than both ends keep, typed before there is any buffer. */
GUEST_TEST(read_what_waits)
{
    u8 got[RX_BYTES];
    u32 len = 0;

    if (!somebody_types())
        SKIP("nobody types");
    if (!begin(false))
        return;
    say("# type paste\n");
    for (const u64 from = rdtsc(); rdtsc() - from < tsc_ms(200);)
        __asm__ volatile("pause");
    for (u8 n = 0; n < RX_SIZE; n++)
        (void)offer(n);
    queue_kick(&rx);
    while (len < PASTE) {
        const u32 now = receive(got, TYPED_WAIT);
        if (!EXPECT_NE(now, 0))
            return;
        for (u32 i = 0; i < now; i++)
            if (!EXPECT_EQ(got[i], 'a' + (len + i) % 26))
                return;
        len += now;
    }
    EXPECT_EQ(len, PASTE);
    EXPECT_TRUE(virtio_reset(&console));
}

/* Without a driver what is typed is COM1's, also what has come before the reset. */
GUEST_TEST(input_stays_with_com1)
{
    const u64 from = rdtsc();

    if (!somebody_types())
        SKIP("nobody types");
    EXPECT_TRUE(virtio_find(&console, VIRTIO_ID_CONSOLE, 0));
    EXPECT_TRUE(virtio_reset(&console));
    say("# type c\n");
    while (!(inb(0x3fd) & 1) && rdtsc() - from < TYPED_WAIT)
        ;
    EXPECT_EQ(inb(0x3f8), 'c');
}

/* ---------------------------------------------------------------- entropy */

GUEST_TEST(random_bytes)
{
    static u64 words[2 * WORDS];
    u32 written = 0;

    if (!virtio_find(&entropy, VIRTIO_ID_RNG, 0))
        SKIP("no such device");
    if (!virtio_begin(&entropy, 0) ||
        !queue_start(&random, &entropy, 0, QUEUE_SIZE, VIRTIO_MSI_NO_VECTOR))
        return;
    virtio_go(&entropy);
    for (u32 i = 0; i < 2; i++) {
        const struct queue_part part = {.at = words + i * WORDS, .len = 8 * WORDS, .in = true};

        EXPECT_NE(queue_add(&random, &part, 1), QUEUE_NONE);
        queue_kick(&random);
        EXPECT_TRUE(queue_wait(&random, tsc_ms(VIRTIO_PATIENCE)));
        EXPECT_NE(queue_take(&random, &written), QUEUE_NONE);
        EXPECT_EQ(written, 8 * WORDS);
    }
    for (u32 i = 0; i < ARRAY_LEN(words); i++)
        for (u32 k = 0; k < i; k++)
            EXPECT_NE(words[i], words[k]); /* once in 2^57 */
    EXPECT_TRUE(virtio_reset(&entropy));
}
