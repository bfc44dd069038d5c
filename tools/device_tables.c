/* The guests' PCI functions, out of the devices as the control partition makes them: each once with
 * the least that it may have, and once with the most. */
#include "tools/device_tables.h"
#include "abi/control.h"
#include "abi/virtio_blk.h"
#include "control/pci/host_bridge.h"
#include "control/served/disk.h"
#include "control/served/network.h"
#include "control/virtio/blk.h"
#include "control/virtio/console.h"
#include "control/virtio/net.h"
#include "control/virtio/pci.h"
#include "control/virtio/rng.h"
#include "tools/put_json.h"
#include <stdio.h>
#include <stdlib.h>

#define CAP_NEXT 1u

/* A feature bit by its name in the standard, and when it is offered; NULL: always. */
struct feature {
    u64 bit;
    const char *name, *when;
};

struct field {
    const char *name;
    u64 offset, size;
};

/* A device in its two forms, and the words for what it has. */
struct guest_device {
    const char *name, *key, *queue_names;
    const struct virtio_device *least, *most;
    const struct feature *features;
    const struct field *fields;
    size_t feature_count, field_count;
};

static NORETURN void fail(const char *device, const char *what)
{
    fprintf(stderr, "device_tables: %s: %s\n", device, what);
    exit(1);
}

/* ---------------------------------------------------------------- words */

#define ALWAYS(name)                                                                               \
    {                                                                                              \
        VIRTIO_##name, #name, NULL                                                                 \
    }
#define WHEN(name, when)                                                                           \
    {                                                                                              \
        VIRTIO_##name, #name, when                                                                 \
    }
#define AT(of, name)                                                                               \
    {                                                                                              \
#name, offsetof(struct of, name), sizeof(((struct of *)0)->name)                           \
    }

static const struct feature transport[] = {ALWAYS(F_INDIRECT_DESC), ALWAYS(F_EVENT_IDX),
                                           ALWAYS(F_VERSION_1), ALWAYS(F_RING_RESET)};

static const struct feature blk_features[] = {
    ALWAYS(BLK_F_SEG_MAX),
    WHEN(BLK_F_RO, "the disk is read-only"),
    ALWAYS(BLK_F_BLK_SIZE),
    WHEN(BLK_F_FLUSH, "there is a volatile cache"),
    ALWAYS(BLK_F_TOPOLOGY),
    WHEN(BLK_F_MQ, "there is more than one queue"),
    WHEN(BLK_F_DISCARD, "the disk can"),
    WHEN(BLK_F_WRITE_ZEROES, "the disk can"),
};
static const struct field blk_fields[] = {
    AT(virtio_blk_config, capacity),
    AT(virtio_blk_config, size_max),
    AT(virtio_blk_config, seg_max),
    AT(virtio_blk_config, cylinders),
    AT(virtio_blk_config, heads),
    AT(virtio_blk_config, sectors_per_track),
    AT(virtio_blk_config, blk_size),
    AT(virtio_blk_config, physical_block_exp),
    AT(virtio_blk_config, alignment_offset),
    AT(virtio_blk_config, min_io_size),
    AT(virtio_blk_config, opt_io_size),
    AT(virtio_blk_config, writeback),
    AT(virtio_blk_config, unused0),
    AT(virtio_blk_config, num_queues),
    AT(virtio_blk_config, max_discard_sectors),
    AT(virtio_blk_config, max_discard_seg),
    AT(virtio_blk_config, discard_sector_alignment),
    AT(virtio_blk_config, max_write_zeroes_sectors),
    AT(virtio_blk_config, max_write_zeroes_seg),
    AT(virtio_blk_config, write_zeroes_may_unmap),
    AT(virtio_blk_config, unused1),
};

static const struct feature net_features[] = {
    ALWAYS(NET_F_CSUM),    ALWAYS(NET_F_GUEST_CSUM), ALWAYS(NET_F_MTU),
    ALWAYS(NET_F_MAC),     ALWAYS(NET_F_MRG_RXBUF),  ALWAYS(NET_F_STATUS),
    ALWAYS(NET_F_CTRL_VQ), ALWAYS(NET_F_CTRL_RX),    ALWAYS(NET_F_CTRL_RX_EXTRA),
};
static const struct field net_fields[] = {
    AT(virtio_net_config, mac),
    AT(virtio_net_config, status),
    AT(virtio_net_config, max_virtqueue_pairs),
    AT(virtio_net_config, mtu),
};

static const struct feature console_features[] = {ALWAYS(CONSOLE_F_SIZE),
                                                  ALWAYS(CONSOLE_F_EMERG_WRITE)};
static const struct field console_fields[] = {
    AT(virtio_console_config, cols),
    AT(virtio_console_config, rows),
    AT(virtio_console_config, max_nr_ports),
    AT(virtio_console_config, emerg_wr),
};

/* ---------------------------------------------------------------- the devices */

static const struct grant no_memory;

static const struct virtio_device *blk(struct virtio_blk *b, u32 queues, u32 flags)
{
    static struct blk_request pool;
    static struct disk disk[2];
    struct disk *const d = &disk[flags != 0];
    const struct virtio_blk_setup setup = {.grant = &no_memory,
                                           .name = "disk",
                                           .id = "disk",
                                           .disk = d,
                                           .queues = (u16)queues,
                                           .pool = &pool,
                                           .pool_size = 1};

    *d = (struct disk){.sector_size = VIRTIO_BLK_SECTOR, .queues = 1, .flags = flags};
    if (virtio_blk_init(b, &setup) != OK)
        fail("disk", "it cannot be made");
    return &b->v;
}

static const struct virtio_device *net(struct virtio_net *n)
{
    const struct virtio_net_setup setup = {
        .grant = &no_memory, .name = "net", .mac = {{2}}, .pairs = NETWORK_PAIRS};

    if (virtio_net_init(n, &setup) != OK)
        fail("net", "it cannot be made");
    return &n->v;
}

static const struct virtio_device *console(struct virtio_console *c)
{
    static const struct virtio_console_ops ops;

    virtio_console_init(c, &no_memory, "console", &ops, NULL);
    return &c->v;
}

static u32 nothing(void *ctx, void *to, u32 len)
{
    (void)ctx, (void)to, (void)len;
    return 0;
}

static const struct virtio_device *rng(struct virtio_rng *r)
{
    const char *why;

    if (virtio_rng_init(r, &no_memory, "rng", nothing, NULL, &why) != OK)
        fail("rng", why);
    return &r->v;
}

/* ---------------------------------------------------------------- what they are */

static u32 get(const struct pci_device *d, u32 at, unsigned bytes)
{
    u32 value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (u32)d->config[at + i] << 8 * i;
    return value;
}

static void put_function(const struct pci_device *d)
{
    put_number("vendor", get(d, PCI_VENDOR_ID, 2));
    put_number("device", get(d, PCI_DEVICE_ID, 2));
    put_number("subsystem_vendor", get(d, PCI_SUBSYSTEM_VENDOR, 2));
    put_number("subsystem", get(d, PCI_SUBSYSTEM_ID, 2));
    put_number("revision", get(d, PCI_REVISION, 1));
    put_number("class", get(d, PCI_CLASS, 3));
    begin("bars", '[');
    for (u32 i = 0; i < PCI_BARS; i++) {
        if (d->bar[i].size == 0)
            continue;
        begin(NULL, '{');
        put_number("bar", i);
        put_number("size", d->bar[i].size);
        put_number("ports", d->bar[i].space == PCI_PORTS);
        put_number("wide", d->bar[i].wide);
        put_number("prefetchable", d->bar[i].prefetchable);
        end('}');
    }
    end(']');
}

/* The virtio structures, by their capabilities, and MSI-X. */
static void put_structures(const struct pci_device *d)
{
    static const char *const names[] = {[VIRTIO_PCI_CAP_COMMON] = "common configuration",
                                        [VIRTIO_PCI_CAP_NOTIFY] = "doorbells",
                                        [VIRTIO_PCI_CAP_ISR] = "interrupt status",
                                        [VIRTIO_PCI_CAP_DEVICE] = "device configuration"};

    put_number("vectors", d->msix.vectors);
    put_number("msix_bar", d->msix.bar);
    put_number("pending_at", d->msix.pba);
    begin("structures", '[');
    for (u32 at = get(d, PCI_CAPABILITIES, 1); at; at = get(d, at + CAP_NEXT, 1)) {
        const u32 type = get(d, at + offsetof(struct virtio_pci_cap, type), 1);

        if (get(d, at, 1) != PCI_CAP_VENDOR || type >= ARRAY_LEN(names) || !names[type])
            continue;
        begin(NULL, '{');
        put_text("name", names[type]);
        put_number("bar", get(d, at + offsetof(struct virtio_pci_cap, bar), 1));
        put_number("offset", get(d, at + offsetof(struct virtio_pci_cap, offset), 4));
        put_number("length", get(d, at + offsetof(struct virtio_pci_cap, length), 4));
        end('}');
    }
    end(']');
}

/* Each bit that is offered has its words here, and the other way round. */
static void put_features(const char *device, const struct feature *rows, size_t count, u64 least,
                         u64 most)
{
    u64 known = 0, always = 0;

    begin("features", '[');
    for (size_t i = 0; i < count; i++) {
        known |= rows[i].bit;
        always |= rows[i].when ? 0 : rows[i].bit;
        begin(NULL, '{');
        put_number("bit", (u64)__builtin_ctzll(rows[i].bit));
        put_text("name", rows[i].name);
        put_text("when", rows[i].when ? rows[i].when : "");
        end('}');
    }
    end(']');
    if (known != most || always != least)
        fail(device, "its features are not those that have words in this file");
}

/* The fields are the whole of it, without gaps but for the struct's end. */
static void put_fields(const struct guest_device *g)
{
    u64 next = 0;

    begin("fields", '[');
    for (size_t i = 0; i < g->field_count; i++) {
        const struct field *const f = &g->fields[i];

        if (f->offset != next)
            fail(g->name, "a field of its configuration is not in this file");
        next = f->offset + f->size;
        put_field(g->name, f->name, f->offset, f->size);
    }
    end(']');
    if (next > g->most->config_len || g->most->config_len - next >= sizeof(u64))
        fail(g->name, "its configuration is not that of this file");
}

static void put_device(const struct guest_device *g, u64 common)
{
    begin(NULL, '{');
    put_text("name", g->name);
    put_text("key", g->key);
    put_function(&g->most->pci);
    put_structures(&g->most->pci);
    put_text("queue_names", g->queue_names);
    put_number("queues_least", g->least->queues);
    put_number("queues_most", g->most->queues);
    put_number("queue_size", g->most->queue_size);
    put_features(g->name, g->features, g->feature_count, g->least->offered & ~common,
                 g->most->offered & ~common);
    put_fields(g);
    end('}');
}

static void put_bridge(void)
{
    struct pci_device d;

    host_bridge_init(&d);
    begin("host_bridge", '{');
    put_function(&d);
    end('}');
}

static void put_bus(void)
{
    begin("guest_bus", '{');
    put_number("memory", ABI_PCI_MEMORY);
    put_number("memory_last", ABI_PCI_MEMORY_LAST);
    put_number("ports", ABI_PCI_PORTS);
    put_number("ports_last", ABI_PCI_PORTS_LAST);
    put_number("ecam", ABI_PCI_ECAM);
    put_number("ecam_last", ABI_PCI_ECAM_LAST);
    put_number("slots", ABI_PCI_SLOTS);
    put_number("line_first", ABI_PCI_LINE(0u));
    put_number("lines", ABI_PCI_LINES);
    end('}');
}

void put_guest_devices(void)
{
    static struct virtio_blk least, most;
    static struct virtio_net card;
    static struct virtio_console terminal;
    static struct virtio_rng entropy;
    const u32 all = DISK_CAN_FLUSH | DISK_CAN_DISCARD | DISK_CAN_WRITE_ZEROES | DISK_IS_READ_ONLY;
    const struct virtio_device *const n = net(&card), *const c = console(&terminal),
                                      *const r = rng(&entropy);
    const u64 common = r->offered; /* it has none of its own */
    const struct guest_device devices[] = {
        {.name = "block",
         .key = "disk",
         .queue_names = "requests, one for each of the guest's processors",
         .least = blk(&least, 1, 0),
         .most = blk(&most, DISK_QUEUES_MAX, all),
         .features = blk_features,
         .feature_count = ARRAY_LEN(blk_features),
         .fields = blk_fields,
         .field_count = ARRAY_LEN(blk_fields)},
        {.name = "network",
         .key = "net",
         .queue_names = "receive, transmit, control",
         .least = n,
         .most = n,
         .features = net_features,
         .feature_count = ARRAY_LEN(net_features),
         .fields = net_fields,
         .field_count = ARRAY_LEN(net_fields)},
        {.name = "console",
         .key = "hvc",
         .queue_names = "receive, transmit",
         .least = c,
         .most = c,
         .features = console_features,
         .feature_count = ARRAY_LEN(console_features),
         .fields = console_fields,
         .field_count = ARRAY_LEN(console_fields)},
        {.name = "entropy", .key = "rng", .queue_names = "buffers to fill", .least = r, .most = r},
    };

    put_bus();
    put_bridge();
    begin("virtio_transport", '{');
    put_features("transport", transport, ARRAY_LEN(transport), common, common);
    end('}');
    begin("guest_device", '[');
    for (size_t i = 0; i < ARRAY_LEN(devices); i++)
        put_device(&devices[i], common);
    end(']');
}
