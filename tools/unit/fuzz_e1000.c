/* An e1000 that lies: the model of e1000_model.h, whose registers are changed by the input, and
 * that writes anything into its rings; a user who sends, posts, polls, resets and stops.
 * Invariants: every frame and every buffer comes back exactly once and no sooner than it was given;
 * no length is longer than the buffer; no DMA memory and no interrupt is kept.
 * Input: pairs of {operation, argument}.  While the device lies, every register read takes one more
 * byte, that is XORed into the answer if it has its two highest bits set. */
#include "tools/unit/e1000_model.h"
#include "tools/unit/fuzz_input.h"

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c))                                                                                  \
            abort();                                                                               \
    } while (0)

#define FRAMES  8u
#define BUFFERS 8u
#define HASTE   200u /* delays are longer here: a fuzzer has no time */

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static bool lies;
static struct e1000_model m;
static struct e1000 e;

static struct {
    struct nic_frame f;
    struct io_segment segment[E1000_SEGMENTS];
    bool held;
} frame[FRAMES];

static struct {
    struct nic_buffer b;
    bool held;
} buffer[BUFFERS];
static struct io_dma memory;

static u32 lying_read(struct fake_io *io, bool ports, u64 at, u32 width)
{
    const u32 value = e1000_model_read(io, ports, at, width);
    const u8 lie = lies ? next() : 0;

    return lie >= 0xc0 ? value ^ (lie & 0x3fu) << (lie & 3) * 8 : value;
}

static void slow_delay(struct io_env *env, u32 us)
{
    fake_of(env)->now += (u64)us * HASTE;
}

static void sent(struct nic_frame *f, enum io_result result)
{
    bool *held = f->context;

    (void)result;
    CHECK(*held);
    *held = false;
}

static void received(struct nic *n, struct nic_buffer *b, u32 len,
                     const struct nic_offload *offload, enum io_result result)
{
    bool *held = b->context;

    (void)n;
    (void)offload;
    CHECK(*held && len <= b->memory.len && (len == 0) == (result != IO_DONE));
    *held = false;
}

static const struct nic_user user = {.received = received};

static void send(u8 how)
{
    const u32 i = how % FRAMES, segments = 1 + (how >> 3) % E1000_SEGMENTS;

    if (frame[i].held)
        return;
    for (u32 k = 0; k < segments; k++)
        frame[i].segment[k] = (struct io_segment){memory.at, memory.bus, 20};
    frame[i].f = (struct nic_frame){
        .segment = frame[i].segment, .segments = segments, .sent = sent, .context = &frame[i].held};
    if (how & 0x80)
        frame[i].f.offload =
            (struct nic_offload){.flags = NIC_SUM_PARTIAL, .sum_start = next(), .sum_offset = 2};
    frame[i].held = nic_send(&e.nic, &frame[i].f) == OK;
}

static void post(u8 how)
{
    const u32 i = how % BUFFERS;

    if (buffer[i].held)
        return;
    buffer[i].b =
        (struct nic_buffer){.memory = {memory.at, memory.bus, 2048}, .context = &buffer[i].held};
    buffer[i].held = nic_post(&e.nic, &buffer[i].b) == OK;
}

/* Anything into a byte of a ring. */
static void scribble(u8 how)
{
    const struct io_dma *ring = how & 1 ? &e.rx_memory : &e.tx_memory;
    const u32 at = next() * 16u + (how >> 1 & 15);

    if (ring->at != NULL)
        ((u8 *)ring->at)[at] = next();
}

static void act(u8 op, u8 how)
{
    static const u8 bytes[2048];

    lies = op & 0x80;
    switch (op % 14) {
    case 0:
    case 1: send(how); return;
    case 2:
    case 3: post(how); return;
    case 4: nic_kick(&e.nic); return;
    case 5: e1000_model_send(&m, how); return;
    case 6: (void)e1000_model_part(&m, bytes, how * 9u, how % 4, next()); return;
    case 7: (void)nic_poll(&e.nic); return;
    case 8: fake_line(&m.io, E1000_LINE); return;
    case 9: m.io.now += (u64)how << 16; return;
    case 10: nic_interrupts(&e.nic, how & 1); return;
    case 11:
        m.silent = how & 1;
        m.stays_reset = (how & 30) == 30;
        m.gone = (how & 224) == 224;
        m.reg[M_STATUS] ^= how & 2;
        return;
    case 12:
        if (how & 1)
            (void)nic_receive_mode(&e.nic, how >> 1 & 3);
        else if (how < 64)
            (void)nic_reset(&e.nic);
        return;
    default: scribble(how); return;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct io_env_ops ops;

    input = data;
    input_left = size;
    e1000_model_open(&m);
    ops = fake_io_ops;
    ops.delay = slow_delay;
    m.io.env.ops = &ops;
    m.io.read = lying_read;
    memset(frame, 0, sizeof(frame));
    memset(buffer, 0, sizeof(buffer));
    CHECK(ops.dma_alloc(&m.io.env, 4096, 4096, IO_BUS_32, &memory) == OK);
    lies = next() & 1;
    if (e1000_start(&e, &m.function, "fuzz") == OK) {
        e.nic.user = &user;
        while (input_left > 1) {
            const u8 op = next();
            act(op, next());
        }
        lies = false;
        nic_stop(&e.nic);
    }
    for (u32 i = 0; i < FRAMES; i++)
        CHECK(!frame[i].held);
    for (u32 i = 0; i < BUFFERS; i++)
        CHECK(!buffer[i].held);
    ops.dma_free(&m.io.env, &memory);
    CHECK(e1000_model_close(&m));
    return 0;
}
