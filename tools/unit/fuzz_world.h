/* The world of fuzz_virtio_pci: a guest's memory that changes after each load, a bus, four devices,
 * and what is behind them, which looks at what it gets. */
#pragma once
#include "control/guest/fetch.h"
#include "control/pci/host_bridge.h"
#include "control/virtio/blk.h"
#include "control/virtio/console.h"
#include "control/virtio/net.h"
#include "control/virtio/pci.h"
#include "control/virtio/rng.h"
#include "lib/mem.h"
#include "tools/unit/fuzz_input.h"
#include <stdlib.h>

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c))                                                                                  \
            abort();                                                                               \
    } while (0)

#define GUEST_BASE   0x10000ull
#define GUEST_HALF   0x2000u /* bytes of each of two ranges */
#define GUEST_BYTES  (2 * GUEST_HALF)
#define QUEUES_AT    0x0000u
#define QUEUE_STEP   0x100u
#define QUEUE_SIZE   8u
#define DATA_AT      0x1000u
#define WINDOW_FIRST 0xc0000000ull
#define WINDOW_LAST  0xc003ffffull
#define PORTS_FIRST  0xd000u
#define PORTS_LAST   0xd07fu
#define POOL         5u
#define SECTORS      64u
#define DEPTH        2u

enum { DISK, NET, CONSOLE, RNG, DEVICES };

struct fuzz_device {
    struct virtio_device *v;
    u32 first_queue; /* in the guest's memory */
};

static struct world {
    struct pci_bus bus;
    struct pci_device bridge;
    struct grant grant;
    struct virtio_blk blk;
    struct blk_request pool[POOL];
    struct disk disk;
    struct disk_request *in_disk[DEPTH];
    u32 in_disk_count;
    enum io_result disk_result;
    struct virtio_net net;
    u32 send_verdict;
    struct virtio_console console;
    u32 console_room, console_typed;
    struct virtio_rng rng;
    struct fuzz_device device[DEVICES];
    bool gone; /* the guest has taken its memory back */
} w;

static _Alignas(64) u8 guest_low[GUEST_HALF];
static _Alignas(64) u8 guest_high[GUEST_HALF];
static _Alignas(64) u8 bounce[1024];

/* ---- the guest's memory ---- */

/* Wherever the address is, something of the guest's with room for 16 bytes. */
static u16 *guest_u16(u64 gpa)
{
    const u64 at = (gpa - GUEST_BASE) % GUEST_BYTES & ~1ull;
    u8 *const range = at < GUEST_HALF ? guest_low : guest_high;

    return (u16 *)(void *)(range + MIN(at % GUEST_HALF, GUEST_HALF - 64u));
}

static bool in_guest(const void *at, u64 len)
{
    const u8 *const p = at;

    return (p >= guest_low && p < guest_low + GUEST_HALF &&
            len <= (u64)(guest_low + GUEST_HALF - p)) ||
           (p >= guest_high && p < guest_high + GUEST_HALF &&
            len <= (u64)(guest_high + GUEST_HALF - p));
}

/* The other processors of the guest write: where we have just read. */
static void change(const void *at)
{
    if (input_left < 2 || !(*input & 0x80)) /* not always */
        return;
    const u8 where = next(), what = next();
    u8 *const p = (u8 *)(uintptr_t)at + where % 16;
    if (in_guest(p, 1))
        *p ^= what;
}

u16 fetch16(const void *at)
{
    u16 v;

    CHECK(in_guest(at, sizeof(v)) && !w.gone);
    memcpy(&v, at, sizeof(v));
    change(at);
    return v;
}

void fetch_desc(struct virtq_desc *to, const void *at)
{
    CHECK(in_guest(at, sizeof(*to)) && !w.gone);
    memcpy(to, at, sizeof(*to));
    change(at);
}

void fetch_bytes(void *to, const void *at, size_t len)
{
    memcpy(to, at, len);
    if (in_guest(at, len))
        change(at);
}

static void check_segments(const struct io_segment *s, u32 n, u64 len)
{
    u64 sum = 0;

    for (u32 i = 0; i < n; i++) {
        CHECK(s[i].len != 0 && (in_guest(s[i].at, s[i].len) || s[i].at == bounce));
        CHECK(s[i].at != bounce || s[i].len <= sizeof(bounce));
        sum += s[i].len;
    }
    CHECK(sum == len);
}

static u64 queue_at(const struct fuzz_device *d, u32 queue)
{
    return GUEST_BASE + QUEUES_AT + (d->first_queue + queue) * QUEUE_STEP;
}

/* ---- the disk ---- */

static err_t disk_take(struct disk *d, struct disk_request *r)
{
    if (w.in_disk_count == d->depth)
        return E_NOMEM;
    check_segments(r->segment, r->segments, (u64)r->sectors * d->sector_size * (r->segments != 0));
    w.in_disk[w.in_disk_count++] = r;
    return OK;
}

static void disk_told(struct disk *d, u32 queue)
{
    CHECK(queue < d->queues);
}

/* One request is done. */
static void poll_disk(u8 which)
{
    if (w.in_disk_count == 0)
        return;
    const u32 i = which % w.in_disk_count;
    struct disk_request *const r = w.in_disk[i];
    w.in_disk[i] = w.in_disk[--w.in_disk_count];
    check_segments(r->segment, r->segments,
                   (u64)r->sectors * w.disk.sector_size * (r->segments != 0));
    if (r->op == DISK_READ)
        for (u32 k = 0; k < r->segments; k++)
            memset(r->segment[k].at, which, r->segment[k].len);
    r->done(r, w.disk_result);
}

/* ---- switch, console, entropy ---- */

static enum net_verdict net_send(const struct virtio_net_wire *wire, struct net_port *port,
                                 const struct net_frame *frame)
{
    CHECK(wire == w.net.wire && port == &w.net.port && frame->segments <= NET_SEGMENTS_MAX);
    CHECK(frame->len >= NIC_FRAME_MIN && frame->len <= NET_FRAME_MAX);
    check_segments(frame->segment, frame->segments, frame->len);
    if (frame->offload.flags & NIC_SUM_PARTIAL)
        CHECK(frame->offload.sum_start + frame->offload.sum_offset + 2u <= frame->len);
    return (enum net_verdict)w.send_verdict;
}

static void net_ready(const struct virtio_net_wire *wire, struct net_port *port)
{
    CHECK(wire == w.net.wire && port == &w.net.port);
}

static u32 console_output(void *ctx, const u8 *bytes, u32 len)
{
    const u32 now = MIN(len, w.console_room);

    (void)ctx;
    CHECK(len != 0 && bytes[0] == bytes[0]);
    w.console_room -= now;
    return now;
}

static u32 console_input(void *ctx, u8 *bytes, u32 len)
{
    const u32 now = MIN(len, w.console_typed);

    (void)ctx;
    memset(bytes, 't', now);
    w.console_typed -= now;
    return now;
}

static u32 entropy(void *ctx, void *to, u32 len)
{
    (void)ctx;
    memset(to, 0x5a, len);
    return len & 3 ? len : len / 2;
}

/* ---- the bus ---- */

static void bus_message(void *ctx, u32 address, u32 data)
{
    (void)ctx, (void)data;
    CHECK(address >> 20 == 0xfee);
}

static void bus_line(void *ctx, u8 slot, bool pulled)
{
    (void)ctx, (void)pulled;
    CHECK(slot < PCI_SLOTS);
}

static bool in_window(const struct pci_bar *b)
{
    if (b->space == PCI_PORTS)
        return b->at >= PORTS_FIRST && b->at + b->size - 1 <= PORTS_LAST;
    return b->at >= WINDOW_FIRST && b->at + b->size - 1 <= WINDOW_LAST;
}

static void bus_mapped(void *ctx, struct pci_device *d, unsigned bar, bool now)
{
    (void)ctx, (void)now;
    CHECK(in_window(&d->bar[bar]));
}

static void bus_say(void *ctx, const struct pci_device *d, const char *text)
{
    (void)ctx;
    CHECK(d->name[0] != 0 && text[0] != 0);
}

/* The common configuration, which is the first structure in its BAR. */
static void common_write(struct virtio_device *v, u32 at, unsigned width, u64 value)
{
    v->pci.ops->bar_write(&v->pci, VIRTIO_PCI_BAR, at, MIN(width, 4u), (u32)value);
    if (width == 8)
        v->pci.ops->bar_write(&v->pci, VIRTIO_PCI_BAR, at + 4, 4, (u32)(value >> 32));
}

/* ---- invariants ---- */

static void check_bars(void)
{
    const struct pci_bar *bar[DEVICES * PCI_BARS];
    u32 n = 0;

    for (u32 i = 0; i < DEVICES; i++)
        for (u32 k = 0; k < PCI_BARS; k++) {
            const struct pci_bar *const b = &w.device[i].v->pci.bar[k];
            if (!b->mapped)
                continue;
            for (u32 m = 0; m < n; m++)
                CHECK(bar[m]->space != b->space || bar[m]->at + bar[m]->size <= b->at ||
                      b->at + b->size <= bar[m]->at);
            bar[n++] = b;
        }
}

static u32 blk_held(void)
{
    u32 held = 0;

    for (u32 i = 0; i < w.blk.v.queues; i++)
        held += w.blk.v.queue[i].held;
    return held;
}

static void check_world(void)
{
    u32 unused = 0, waiting = 0;

    check_bars();
    for (u32 i = 0; i < DEVICES; i++) {
        const struct virtio_device *const v = w.device[i].v;
        for (u16 q = 0; q < v->queues; q++) {
            CHECK(v->queue[q].ring.open <= VIRTIO_NET_QUEUE_SIZE);
            CHECK(!(v->status & VIRTIO_STATUS_NEEDS_RESET) || !virtio_running(v, q));
        }
        CHECK((v->features & ~v->offered) == 0 || !(v->status & VIRTIO_STATUS_FEATURES_OK));
    }
    for (const struct blk_request *r = w.blk.unused; r; r = r->next)
        CHECK(++unused <= POOL);
    for (const struct blk_request *r = w.blk.waiting; r; r = r->next)
        CHECK(++waiting <= POOL);
    CHECK(unused + waiting + w.in_disk_count == POOL);
    CHECK(blk_held() == waiting + w.in_disk_count);
}

/* As it may be done when nothing of it is in use. */
static void take_memory_back(void)
{
    if (w.gone || blk_held() != 0)
        return;
    CHECK(grant_remove(&w.grant, (gpa_t){GUEST_BASE}) == OK);
    CHECK(grant_remove(&w.grant, (gpa_t){GUEST_BASE + GUEST_HALF}) == OK);
    w.gone = true;
}

/* The disk does all that it has, and nothing is left. */
static void finish(void)
{
    w.disk_result = IO_DONE;
    for (u32 i = 0; w.in_disk_count != 0; i++) {
        CHECK(i < 100000);
        poll_disk(0);
    }
    check_world();
    CHECK(blk_held() == 0);
}

/* ---- the beginning ---- */

static void plug_in(u32 i, struct virtio_device *v, u32 first_queue)
{
    w.device[i] = (struct fuzz_device){.v = v, .first_queue = first_queue};
    CHECK(pci_bus_add(&w.bus, &v->pci, (u8)(i + 1)) == OK);
}

static void make_disk(void)
{
    static const struct disk_ops ops = {.submit = disk_take, .kick = disk_told};
    const struct virtio_blk_setup setup = {.grant = &w.grant,
                                           .name = "disk",
                                           .id = "id",
                                           .disk = &w.disk,
                                           .queues = 2,
                                           .pool = w.pool,
                                           .pool_size = POOL,
                                           .bounce = {.at = bounce, .len = sizeof(bounce)}};

    w.disk = (struct disk){.ops = &ops,
                           .sectors = SECTORS,
                           .sector_size = 512,
                           .physical_sector = 512,
                           .flags = DISK_CAN_FLUSH | DISK_CAN_DISCARD | DISK_CAN_WRITE_ZEROES,
                           .queues = 1,
                           .depth = DEPTH,
                           .segments_max = 3,
                           .segment_bytes_max = 2048,
                           .sectors_max = 6,
                           .discard_sectors_max = 20,
                           .zeroes_sectors_max = 20,
                           .segment_align = 4,
                           .bus_last = ~0ull};
    CHECK(virtio_blk_init(&w.blk, &setup) == OK);
}

static void make_devices(void)
{
    static const struct pci_host host = {
        .message = bus_message, .line = bus_line, .mapped = bus_mapped, .say = bus_say};
    static const struct pci_window window[PCI_WINDOWS] = {{WINDOW_FIRST, WINDOW_LAST, PCI_MEMORY},
                                                          {PORTS_FIRST, PORTS_LAST, PCI_PORTS}};
    static const struct virtio_net_wire wire = {.send = net_send, .ready = net_ready};
    static const struct virtio_console_ops console_ops = {.output = console_output,
                                                          .input = console_input};
    const struct virtio_net_setup net = {.grant = &w.grant,
                                         .name = "net",
                                         .wire = &wire,
                                         .mac = {{2}},
                                         .pairs = 2,
                                         .any_source = true};
    const char *why;

    CHECK(grant_add(&w.grant, (gpa_t){GUEST_BASE}, GUEST_HALF, guest_low, 0) == OK);
    CHECK(grant_add(&w.grant, (gpa_t){GUEST_BASE + GUEST_HALF}, GUEST_HALF, guest_high,
                    GUEST_HALF) == OK);
    pci_bus_init(&w.bus, &host, &w, window);
    host_bridge_init(&w.bridge);
    CHECK(pci_bus_add(&w.bus, &w.bridge, 0) == OK);
    make_disk();
    CHECK(virtio_net_init(&w.net, &net) == OK);
    virtio_console_init(&w.console, &w.grant, "console", &console_ops, NULL);
    CHECK(virtio_rng_init(&w.rng, &w.grant, "rng", entropy, NULL, &why) == OK);
    plug_in(DISK, &w.blk.v, 0);
    plug_in(NET, &w.net.v, 2);
    plug_in(CONSOLE, &w.console.v, 7);
    plug_in(RNG, &w.rng.v, 9);
    CHECK(pci_bars_place(&w.bus) == OK);
}

/* A driver's beginning, up to DRIVER_OK; its queues lie where they always do. */
static void set_up(struct fuzz_device *d, u64 features, u8 how)
{
    struct virtio_device *const v = d->v;

    pci_bus_ecam_write(&w.bus, (u32)v->pci.slot << 15 | PCI_COMMAND, 2,
                       PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    if (how & 1)
        pci_bus_ecam_write(&w.bus, (u32)v->pci.slot << 15 | 0x42, 2, 0x8000); /* MSI-X */
    common_write(v, 0x14, 1, 0);
    common_write(v, 0x14, 1, 3);
    for (u32 i = 0; i < 2; i++) {
        common_write(v, 8, 4, i);
        common_write(v, 12, 4, (features & v->offered) >> 32 * i);
    }
    common_write(v, 0x14, 1, 11);
    for (u32 q = 0; q < v->queues; q++) {
        const u64 at = queue_at(d, q);
        common_write(v, 0x16, 2, q);
        common_write(v, 0x18, 2, QUEUE_SIZE);
        common_write(v, 0x1a, 2, how & 2 ? q : q + 1);
        common_write(v, 0x20, 8, at);
        common_write(v, 0x28, 8, at + 0x80);
        common_write(v, 0x30, 8, at + 0xa0);
        common_write(v, 0x1c, 2, 1);
    }
    common_write(v, 0x14, 1, 15);
}

/* As after power-on, or with all devices in their drivers' hands. */
static void make_world(bool driven)
{
    static struct world made[2]; /* once: it takes longer than most inputs */

    memset(guest_low, 0, sizeof(guest_low));
    memset(guest_high, 0, sizeof(guest_high));
    if (!made[0].bus.host) {
        make_devices();
        made[0] = w;
        for (u32 i = 0; i < DEVICES; i++)
            set_up(&w.device[i], ~0ull, 1);
        made[1] = w;
    }
    memcpy(&w, &made[driven], sizeof(w));
}
