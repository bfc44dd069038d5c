/* A virtio disk that does not keep to the rules, with a user that does.  For any input: each
 * request that was accepted is done exactly once, with a result that exists; nothing but DMA memory
 * is touched (ASan); each call comes back within seconds of the fake clock; in the end everything
 * is given back. */
#include "drivers/io/virtio_blk.h"
#include "tools/unit/fake_virtio.h"
#include "tools/unit/fuzz_io.h"

#define REQUESTS    64u
#define CALL_MAX_US 20000000u

static struct fake_virtio d;
static struct virtio_blk b;
static struct disk_request request[REQUESTS];
static bool busy[REQUESTS];
static u32 outstanding;
static bool again; /* done() submits anew */
static struct io_segment segment = {NULL, 0x40000000, 4096};

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len);

static void on_done(struct disk_request *r, enum io_result result)
{
    const u32 i = (u32)(r - request);

    if (!busy[i] || result > IO_GONE)
        abort();
    busy[i] = false;
    outstanding--;
    if (again && !b.disk.lost && disk_submit(&b.disk, r) == OK) {
        busy[i] = true;
        outstanding++;
        disk_kick(&b.disk, r->queue);
    }
}

static void submit(struct fuzz_input *in)
{
    const u32 what = fuzz_take(in, 1);
    const u32 i = what % REQUESTS;
    const bool data = fuzz_take(in, 1) % 2;

    if (busy[i])
        return;
    request[i] = (struct disk_request){.op = data ? what / 64 % 2 : what % DISK_OPS,
                                       .sector = fuzz_take(in, 2),
                                       .sectors = data ? 8 : fuzz_take(in, 2),
                                       .queue = fuzz_take(in, 1) % 5,
                                       .segment = &segment,
                                       .segments = data ? 1 : 0,
                                       .done = on_done};
    if (disk_submit(&b.disk, &request[i]) != OK)
        return;
    busy[i] = true;
    outstanding++;
}

/* One request is done by its number, as an honest device does it, or with another id and length. */
static void serve(struct fuzz_input *in, bool honest)
{
    const u32 queue = fuzz_take(in, 1) % FV_QUEUES;
    struct fv_chain c;
    bool broken;

    if (!fv_next(&d, queue, &c, &broken))
        return;
    if (c.piece[c.count - 1].len != 0)
        *c.piece[c.count - 1].at = honest ? 0 : (u8)fuzz_take(in, 1);
    fv_used(&d, queue, honest ? c.head : fuzz_take(in, 1), honest ? 4097 : fuzz_take(in, 4));
}

static void misbehave(struct fuzz_input *in)
{
    switch (fuzz_take(in, 1) % 8) {
    case 0: d.stuck = !d.stuck; break;
    case 1: d.refuses = !d.refuses; break;
    case 2: d.restless = !d.restless; break;
    case 3: d.status = (u8)fuzz_take(in, 1); break;
    case 4: d.device[fuzz_take(in, 1) % sizeof(d.device)] = (u8)fuzz_take(in, 1); break;
    case 5: d.features ^= BIT(fuzz_take(in, 1) % 40); break;
    case 6: d.queue[fuzz_take(in, 1) % FV_QUEUES].size = (u16)fuzz_take(in, 2); break;
    default: d.queues = (u16)fuzz_take(in, 1); break;
    }
}

static void step(struct fuzz_input *in)
{
    switch (fuzz_take(in, 1) % 12) {
    case 0:
    case 1: submit(in); break;
    case 2: disk_kick(&b.disk, fuzz_take(in, 1) % 5); break;
    case 3:
    case 4: serve(in, true); break;
    case 5: serve(in, false); break;
    case 6: fuzz_scribble(&d.io, in); break;
    case 7: fv_interrupt(&d, (u16)(fuzz_take(in, 1) % 8), (u8)fuzz_take(in, 1)); break;
    case 8: (void)disk_poll(&b.disk); break;
    case 9: d.io.now += fuzz_take(in, 3); break;
    case 10: misbehave(in); break;
    default:
        switch (fuzz_take(in, 1) % 4) {
        case 0: disk_interrupts(&b.disk, fuzz_take(in, 1) % 2); break;
        case 1: again = !again; break;
        default:
            if (disk_reset(&b.disk) != OK && !b.disk.lost)
                abort();
        }
    }
}

static void serve_id(struct fake_virtio *device, u32 queue)
{
    struct fv_chain c;
    bool broken;

    if (fv_next(device, queue, &c, &broken)) {
        *c.piece[c.count - 1].at = 0;
        fv_used(device, queue, c.head, 21);
    }
}

static void start(struct fuzz_input *in)
{
    static struct pci pci;
    static struct pci_function f;
    const u32 how = fuzz_take(in, 1);

    fv_open(&d, VIRTIO_BLK, (u16)(1 + how % 4), (u16)(4 << how / 4 % 4), how / 16 % 5,
            (u64)fuzz_take(in, 4), &pci, &f);
    fv_put(d.device, 0, 8, 65536);
    fv_put(d.device, 8, 4, 8192);
    fv_put(d.device, 12, 4, 30);
    fv_put(d.device, 20, 4, 512);
    fv_put(d.device, 34, 2, 4);
    fv_put(d.device, 36, 4, 500);
    fv_put(d.device, 48, 4, 500);
    d.io.hurry = 1000;
    d.rung = serve_id;
    if (virtio_blk_start(&b, &f, &d.io.env, 1 + how % VIRTIO_BLK_QUEUES) != OK && !b.disk.lost &&
        b.disk.queues != 0)
        abort();
    d.rung = NULL;
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len)
{
    struct fuzz_input in = {bytes, bytes + len};

    again = false;
    start(&in);
    while (b.disk.queues != 0 && in.at < in.end) {
        const u64 before = d.io.now;

        step(&in);
        if (d.io.now - before > CALL_MAX_US)
            abort();
    }
    again = false;
    disk_stop(&b.disk);
    if (outstanding != 0 || !fake_io_close(&d.io))
        abort();
    return 0;
}
