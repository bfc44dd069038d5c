/* A hostile guest with a block device, a network card, a console and an entropy device on its PCI
 * bus: it sets them up as a driver does or writes anywhere, and its memory changes while it is
 * read. Invariants: what reaches disk, switch and console lies in the guest's memory; BARs that
 * answer lie in the window and apart; a message is an interrupt's; nothing is held or lost when the
 * disk is done; a device that needs a reset takes nothing. Input: records of an operation and its
 * bytes; each load of guest memory takes two bytes of it. */
#include "fuzz_world.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* ---- what the guest does ---- */

/* A chain of up to four descriptors, and word of it. */
static void add_chain(struct fuzz_device *d, u8 queue, u8 shape)
{
    const u64 at = queue_at(d, queue % d->v->queues);
    u16 *const avail = guest_u16(at + 0x80);
    const u32 n = 1 + shape % 4, writable = shape >> 2 & 3;
    const u16 head = (u16)(avail[1] * 4u);

    for (u32 i = 0; i < n; i++) {
        const u16 flags =
            (u16)((i >= writable ? VIRTQ_DESC_F_WRITE : 0) | (i + 1 < n ? VIRTQ_DESC_F_NEXT : 0) |
                  ((shape & 0x80) && i + 1 == n ? VIRTQ_DESC_F_INDIRECT : 0));
        const struct virtq_desc desc = {.addr = GUEST_BASE + next16() % (GUEST_BYTES + 64),
                                        .len = next() * (shape & 0x40 ? 64u : 4u),
                                        .flags = flags,
                                        .next = (u16)((head + i + 1) % QUEUE_SIZE)};
        memcpy(guest_u16(at + (head + i) % QUEUE_SIZE * 16u), &desc, sizeof(desc));
    }
    avail[2 + avail[1] % QUEUE_SIZE] = head % QUEUE_SIZE;
    avail[1]++;
    virtio_kick(d->v, queue % d->v->queues);
}

/* Descriptors 0 to n - 1 of a queue are a chain, and it is shown. */
static void show(struct fuzz_device *d, u32 queue, const struct virtq_desc *desc, u32 n)
{
    const u64 at = queue_at(d, queue);
    u16 *const avail = guest_u16(at + 0x80);

    memcpy(guest_u16(at), desc, n * sizeof(*desc));
    avail[2 + avail[1] % QUEUE_SIZE] = 0;
    avail[1]++;
    virtio_kick(d->v, queue);
}

/* A request to the disk that means something; its data is cut in two, and may lie anywhere. */
static void add_request(u8 type, u8 sector, u8 sectors)
{
    static const u8 types[] = {0, 1, 4, 8, 11, 13, 0, 1};
    const u64 at = GUEST_BASE + DATA_AT + type * 8u, data = at + 16 + (sectors >> 6 & 3);
    const struct virtio_blk_header h = {.type = types[type % 8], .sector = sector % 64u};
    const bool in = h.type == VIRTIO_BLK_T_IN || h.type == VIRTIO_BLK_T_GET_ID;
    const u32 len = (sectors % 8u) * (in || h.type == VIRTIO_BLK_T_OUT ? 512u : 16u);
    const u32 first = MIN((sectors >> 3 & 7u) * 250u, len);
    const u16 flags = (u16)((in ? VIRTQ_DESC_F_WRITE : 0) | VIRTQ_DESC_F_NEXT);
    const struct virtio_blk_range range = {
        .sector = sector % 70u, .sectors = sectors, .flags = type >> 7};
    const struct virtq_desc desc[4] = {
        {.addr = at, .len = 16, .flags = VIRTQ_DESC_F_NEXT, .next = 1},
        {.addr = data, .len = first, .flags = flags, .next = 2},
        {.addr = data + first, .len = len - first, .flags = flags, .next = 3},
        {.addr = data + 4096, .len = 1, .flags = VIRTQ_DESC_F_WRITE}};

    memcpy(guest_u16(at), &h, sizeof(h));
    if (!in)
        memcpy(guest_u16(data), &range, sizeof(range));
    show(&w.device[DISK], sector % w.blk.v.queues, desc, 4);
}

/* A command to the network card. */
static void add_command(u8 class, u8 command, u8 len)
{
    const u64 at = GUEST_BASE + DATA_AT + 0x800;
    const struct virtq_desc desc[2] = {
        {.addr = at, .len = 2u + len, .flags = VIRTQ_DESC_F_NEXT, .next = 1},
        {.addr = at + 0x400, .len = 1, .flags = VIRTQ_DESC_F_WRITE}};

    *guest_u16(at) = (u16)(class % 6 | command % 8u << 8);
    *guest_u16(at + 2) = next16() & 0x83ff;
    show(&w.device[NET], 2u * w.net.pairs, desc, 2);
}

static void frame_from_outside(u8 len, u8 flags)
{
    static u8 bytes[NET_FRAME_MAX];
    const struct io_segment s = {.at = bytes, .len = NIC_FRAME_MIN + len * 4u};
    const struct net_frame frame = {
        .segment = &s,
        .segments = 1,
        .len = s.len,
        .offload = {.flags = flags & (NIC_SUM_PARTIAL | NIC_SUM_GOOD), .sum_start = 14}};

    bytes[0] = flags, bytes[5] = len;
    (void)w.net.port.ops->deliver(&w.net.port, &frame);
}

static void any_config(void)
{
    const u8 slot = next() % 6, at = next(), width = next();
    const u32 value = next32();

    if (width & 8) {
        pci_bus_port_write(&w.bus, 0xcf8, 4, BIT32(31) | (u32)slot << 11 | at);
        pci_bus_port_write(&w.bus, (u16)(0xcf8 + width % 8), 1u << width / 16 % 3, value);
        (void)pci_bus_port_read(&w.bus, (u16)(0xcf8 + width % 8), 1u << width / 16 % 3);
    } else {
        pci_bus_ecam_write(&w.bus, (u32)slot << 15 | at, 1u << width % 3, value);
        (void)pci_bus_ecam_read(&w.bus, (u32)slot << 15 | at, 1u << width % 3);
    }
}

/* An access to a device's structures, or wherever. */
static void any_memory(struct fuzz_device *d)
{
    static const u32 pages[] = {0, 0x1000, 0x2000, 0x3000};
    const u8 where = next(), width = next();
    const u64 structure = d->v->pci.bar[VIRTIO_PCI_BAR].at + pages[where >> 6] + (where & 0x3f);
    const u64 table = d->v->pci.bar[VIRTIO_PCI_MSIX_BAR].at + where * 4u;
    const u64 at = width & 0x40 ? WINDOW_FIRST + next32() : width & 0x20 ? table : structure;
    u64 value;

    (void)pci_bus_memory_write(&w.bus, at, 1u << width % 4, next32());
    (void)pci_bus_memory_read(&w.bus, at, 1u << width % 4, &value);
}

/* At a device's doorbells, or at any port of the window and around it. */
static void any_port(struct fuzz_device *d)
{
    const u8 where = next(), width = next();
    const u64 bells = d->v->pci.bar[VIRTIO_PCI_PORTS_BAR].at + where % 64;
    const u16 port = (u16)(width & 0x40 ? PORTS_FIRST - 32 + where : bells);
    u32 value;

    (void)pci_bus_io_write(&w.bus, port, 1u << width % 3, where);
    (void)pci_bus_io_read(&w.bus, port, 1u << width % 3, &value);
}

static void host_side(u8 what)
{
    switch (what % 6) {
    case 0:
        w.console_room = what;
        virtio_console_room(&w.console);
        break;
    case 1:
        w.console_typed = what;
        virtio_console_input(&w.console);
        break;
    case 2: virtio_console_resize(&w.console, what, what); break;
    case 3:
        w.send_verdict = what / 6 % 3;
        w.net.port.ops->resume(&w.net.port);
        break;
    case 4: virtio_net_set_link(&w.net, what & 8); break;
    default: w.disk_result = what & 8 ? IO_ERROR : IO_DONE; break;
    }
}

static void step(void)
{
    const u8 op = next(), a = next();
    struct fuzz_device *const d = &w.device[a % DEVICES];

    switch (op % 14) { /* an input that has ended gives zeros */
    case 0: (void)virtio_work(d->v); break;
    case 1: *guest_u16(GUEST_BASE + next16()) = next16(); break;
    case 2:
    case 3: add_chain(d, next(), next()); break;
    case 4: add_request(a, next(), next()); break;
    case 5: poll_disk(a); break;
    case 6: any_config(); break;
    case 7: any_memory(d); break;
    case 8: frame_from_outside(a, next()); break;
    case 9: host_side(a); break;
    case 10: add_command(a, next(), next()); break;
    case 11: virtio_poll_queue(d->v, (u16)(a / DEVICES % d->v->queues), a & 0x80); break;
    case 12: any_port(d); break;
    default:
        if (a == 0xff)
            take_memory_back();
        else
            set_up(d, ~(u64)(next16() << 8), a >> 2);
        break;
    }
    check_world();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    input = data, input_left = size;
    make_world(size != 0 && (data[0] & 1));
    for (u32 i = 0; i < 64 && input_left != 0; i++)
        step();
    finish();
    return 0;
}
