/* A virtio network card that does not keep to the rules, with a user that does.  For any input:
 * each frame and each buffer comes back exactly once, a received length is inside of the buffer;
 * each call comes back within seconds of the fake clock; in the end everything is given back. */
#include "drivers/io/virtio_net.h"
#include "tools/unit/fake_virtio.h"
#include "tools/unit/fuzz_io.h"

#define FRAMES      32u
#define BUFFER_LEN  70000u
#define CALL_MAX_US 20000000u

static struct fake_virtio d;
static struct virtio_net n;
static struct nic_frame frame[FRAMES];
static struct nic_buffer buffer[FRAMES];
static bool frame_busy[FRAMES], buffer_busy[FRAMES];
static u32 outstanding;
static bool again;
static const struct io_segment segment = {NULL, 0x40000000, 60};

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len);

static void post(u32 i)
{
    if (buffer_busy[i])
        return;
    buffer[i] = (struct nic_buffer){.memory = {NULL, 0x50000000, BUFFER_LEN}};
    if (nic_post(&n.nic, &buffer[i]) != OK)
        return;
    buffer_busy[i] = true;
    outstanding++;
}

static void on_sent(struct nic_frame *f, enum io_result result)
{
    const u32 i = (u32)(f - frame);

    if (!frame_busy[i] || result > IO_GONE)
        abort();
    frame_busy[i] = false;
    outstanding--;
}

static void on_received(struct nic *nic, struct nic_buffer *b, u32 len, const struct nic_offload *o,
                        enum io_result result)
{
    const u32 i = (u32)(b - buffer);

    if (!buffer_busy[i] || len > BUFFER_LEN || (len == 0) != (result != IO_DONE))
        abort();
    if ((o->flags & NIC_SUM_PARTIAL) && (u32)o->sum_start + o->sum_offset + 2 > len)
        abort();
    buffer_busy[i] = false;
    outstanding--;
    if (again)
        post(i);
    nic_kick(nic);
}

static const struct nic_user user = {.received = on_received};

static void send(struct fuzz_input *in)
{
    const u32 i = fuzz_take(in, 1) % FRAMES;

    if (frame_busy[i])
        return;
    frame[i] = (struct nic_frame){.segment = &segment, .segments = 1, .sent = on_sent};
    frame[i].offload.flags = (u8)fuzz_take(in, 1);
    frame[i].offload.sum_start = (u16)fuzz_take(in, 1);
    frame[i].offload.header_len = (u16)fuzz_take(in, 1);
    frame[i].offload.segment_len = (u16)fuzz_take(in, 1);
    if (nic_send(&n.nic, &frame[i]) != OK)
        return;
    frame_busy[i] = true;
    outstanding++;
}

static void serve(struct fuzz_input *in, bool honest)
{
    const u32 queue = fuzz_take(in, 1) % 3;
    const u32 len = fuzz_take(in, 2);
    struct fv_chain c;
    bool broken;

    /* The chain's buffers are not DMA memory here: only its first entry matters. */
    struct fv_queue *q = &d.queue[queue];
    const u16 *available = fv_ring(&d, queue, 1, 0, 4 + 2u * q->size);

    (void)fv_next(&d, queue, &c, &broken);
    if (!q->enable || available == NULL)
        return;
    fv_used(&d, queue, honest ? available[2 + (u16)(q->seen - 1) % q->size] : fuzz_take(in, 1),
            queue == 0 ? len
            : honest   ? 0
                       : len % 2);
}

static void misbehave(struct fuzz_input *in)
{
    switch (fuzz_take(in, 1) % 5) {
    case 0: d.stuck = !d.stuck; break;
    case 1: d.refuses = !d.refuses; break;
    case 2: d.status = (u8)fuzz_take(in, 1); break;
    case 3: d.device[fuzz_take(in, 1) % sizeof(d.device)] = (u8)fuzz_take(in, 1); break;
    default: d.features ^= BIT(fuzz_take(in, 1) % 40); break;
    }
}

static void step(struct fuzz_input *in)
{
    switch (fuzz_take(in, 1) % 12) {
    case 0: send(in); break;
    case 1: post(fuzz_take(in, 1) % FRAMES); break;
    case 2: nic_kick(&n.nic); break;
    case 3:
    case 4: serve(in, true); break;
    case 5: serve(in, false); break;
    case 6: fuzz_scribble(&d.io, in); break;
    case 7: fv_interrupt(&d, (u16)(fuzz_take(in, 1) % 8), (u8)fuzz_take(in, 1)); break;
    case 8: (void)nic_poll(&n.nic); break;
    case 9: d.io.now += fuzz_take(in, 3); break;
    case 10: misbehave(in); break;
    default:
        switch (fuzz_take(in, 1) % 4) {
        case 0: nic_interrupts(&n.nic, fuzz_take(in, 1) % 2); break;
        case 1: again = !again; break;
        case 2: (void)nic_receive_mode(&n.nic, fuzz_take(in, 1) % 4); break;
        default:
            if (nic_reset(&n.nic) != OK && !n.nic.lost)
                abort();
        }
    }
}

/* Commands of the control queue are answered at once. */
static void answer(struct fake_virtio *device, u32 queue)
{
    struct fv_chain c;
    bool broken;

    if (queue == 2 && fv_next(device, queue, &c, &broken)) {
        *c.piece[c.count - 1].at = 0;
        fv_used(device, queue, c.head, 1);
    }
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len)
{
    static struct pci pci;
    static struct pci_function f;
    struct fuzz_input in = {bytes, bytes + len};
    const u32 how = fuzz_take(&in, 1);

    again = false;
    fv_open(&d, VIRTIO_NET, 3, (u16)(2 << how % 5), how / 5 % 5, (u64)fuzz_take(&in, 4), &pci, &f);
    d.io.hurry = 1000;
    d.rung = how / 64 % 2 ? answer : NULL;
    if (virtio_net_start(&n, &f, &d.io.env) == OK) {
        n.nic.user = &user;
        while (in.at < in.end) {
            const u64 before = d.io.now;

            step(&in);
            if (d.io.now - before > CALL_MAX_US)
                abort();
        }
        again = false;
        nic_stop(&n.nic);
    }
    if (outstanding != 0 || !fake_io_close(&d.io))
        abort();
    return 0;
}
