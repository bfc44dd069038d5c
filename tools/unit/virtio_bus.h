/* A guest's PCI bus with a log of what comes out of it, and a driver's way to a virtio device: by
 * the configuration space alone, as a guest finds it. */
#pragma once
#include "control/pci/host_bridge.h"
#include "control/virtio/device.h"
#include "virtio_driver.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BUS_FIRST   0xc0000000ull
#define BUS_LAST    0xc00fffffull
#define PORTS_FIRST 0xd000u
#define PORTS_LAST  0xd0ffu

struct fake_bus {
    struct pci_bus bus;
    struct pci_device bridge;
    u32 messages, last_data, last_address;
    u32 data_count[256]; /* messages by their data */
    bool line[PCI_SLOTS];
    u32 says, maps, unmaps;
    char said[200];
};

static inline void fake_message(void *ctx, u32 address, u32 data)
{
    struct fake_bus *const f = ctx;

    f->messages++;
    f->last_address = address, f->last_data = data;
    if (data < ARRAY_LEN(f->data_count))
        f->data_count[data]++;
}

static inline void fake_line(void *ctx, u8 slot, bool pulled)
{
    struct fake_bus *const f = ctx;

    assert_true(f->line[slot] != pulled);
    f->line[slot] = pulled;
}

static inline void fake_mapped(void *ctx, struct pci_device *d, unsigned bar, bool now)
{
    struct fake_bus *const f = ctx;

    const struct pci_bar *const b = &d->bar[bar];
    const bool ports = b->space == PCI_PORTS;

    assert_true(b->mapped);
    assert_true(b->at >= (ports ? PORTS_FIRST : BUS_FIRST));
    assert_true(b->at + b->size - 1 <= (ports ? PORTS_LAST : BUS_LAST));
    *(now ? &f->maps : &f->unmaps) += 1;
}

static inline void fake_say(void *ctx, const struct pci_device *d, const char *text)
{
    struct fake_bus *const f = ctx;

    f->says++;
    (void)snprintf(f->said, sizeof(f->said), "%s: %s", d->name, text);
}

static inline void fake_bus_init(struct fake_bus *f)
{
    static const struct pci_host host = {
        .message = fake_message, .line = fake_line, .mapped = fake_mapped, .say = fake_say};
    static const struct pci_window windows[PCI_WINDOWS] = {{BUS_FIRST, BUS_LAST, PCI_MEMORY},
                                                           {PORTS_FIRST, PORTS_LAST, PCI_PORTS}};

    *f = (struct fake_bus){.messages = 0};
    pci_bus_init(&f->bus, &host, f, windows);
    host_bridge_init(&f->bridge);
    if (pci_bus_add(&f->bus, &f->bridge, 0) != OK)
        abort();
}

/* ---- a driver ---- */

static inline u32 cfg_read(struct fake_bus *f, u8 slot, u32 at, unsigned width)
{
    pci_bus_port_write(&f->bus, 0xcf8, 4, 0x80000000u | (u32)slot << 11 | (at & 0xfc));
    return pci_bus_port_read(&f->bus, (u16)(0xcfc + (at & 3)), width);
}

static inline void cfg_write(struct fake_bus *f, u8 slot, u32 at, unsigned width, u32 value)
{
    pci_bus_port_write(&f->bus, 0xcf8, 4, 0x80000000u | (u32)slot << 11 | (at & 0xfc));
    pci_bus_port_write(&f->bus, (u16)(0xcfc + (at & 3)), width, value);
}

static inline u64 mem_read(struct fake_bus *f, u64 at, unsigned width)
{
    u64 value = 0;

    if (!pci_bus_memory_read(&f->bus, at, width, &value))
        abort();
    return value;
}

static inline void mem_write(struct fake_bus *f, u64 at, unsigned width, u64 value)
{
    if (!pci_bus_memory_write(&f->bus, at, width, value))
        abort();
}

static inline u32 port_read(struct fake_bus *f, u64 port, unsigned width)
{
    u32 value = 0;

    if (!pci_bus_io_read(&f->bus, (u16)port, width, &value))
        abort();
    return value;
}

static inline void port_write(struct fake_bus *f, u64 port, unsigned width, u32 value)
{
    if (!pci_bus_io_write(&f->bus, (u16)port, width, value))
        abort();
}

/* What a driver finds out of a device in a slot. */
struct drv_device {
    struct fake_bus *f;
    u8 slot;
    u64 common, isr, config, notify, msix; /* gpa */
    u64 ports;                             /* doorbells at ports, which come first */
    u32 multiplier;
    u64 memory; /* behind the queues */
};

static inline u64 bar_address(struct fake_bus *f, u8 slot, unsigned bar)
{
    const u32 low = cfg_read(f, slot, PCI_BAR0 + 4 * bar, 4);
    const u64 high = (low & 6) == 4 ? cfg_read(f, slot, PCI_BAR0 + 4 * bar + 4, 4) : 0;

    return low & 1 ? low & ~3u : (low & ~15u) | high << 32;
}

static inline bool is_ports(struct fake_bus *f, u8 slot, u32 cap)
{
    return cfg_read(f, slot, PCI_BAR0 + 4 * cfg_read(f, slot, cap + 4, 1), 4) & 1;
}

/* Walks the capabilities, and makes the device answer. */
static inline void drv_find(struct drv_device *d, struct fake_bus *f, u8 slot)
{
    *d = (struct drv_device){.f = f, .slot = slot};
    cfg_write(f, slot, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_true(cfg_read(f, slot, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES);
    for (u32 cap = cfg_read(f, slot, PCI_CAPABILITIES, 1), n = 0; cap != 0 && n < 16; n++) {
        const u64 at =
            bar_address(f, slot, cfg_read(f, slot, cap + 4, 1) & 7) + cfg_read(f, slot, cap + 8, 4);
        switch (cfg_read(f, slot, cap, 1) == PCI_CAP_MSIX ? 0 : cfg_read(f, slot, cap + 3, 1)) {
        case 0:
            d->msix = bar_address(f, slot, cfg_read(f, slot, cap + 4, 1) & 7) +
                      (cfg_read(f, slot, cap + 4, 4) & ~7u);
            cfg_write(f, slot, cap + 2, 2, 0x8000); /* on */
            break;
        case VIRTIO_PCI_CAP_COMMON: d->common = at; break;
        case VIRTIO_PCI_CAP_ISR: d->isr = at; break;
        case VIRTIO_PCI_CAP_DEVICE: d->config = at; break;
        case VIRTIO_PCI_CAP_NOTIFY:
            assert_true(d->ports ? !d->notify : !d->notify && is_ports(f, slot, cap));
            *(d->ports ? &d->notify : &d->ports) = at;
            d->multiplier = cfg_read(f, slot, cap + 16, 4);
            break;
        default: break;
        }
        cap = cfg_read(f, slot, cap + 1, 1);
    }
    assert_true(d->msix && d->common && d->isr && d->notify && d->ports && d->multiplier);
    assert_int_equal(d->config != 0,
                     cfg_read(f, slot, PCI_DEVICE_ID, 2) != VIRTIO_PCI_DEVICE_BASE + VIRTIO_ID_RNG);
}

#define COMMON(d, field)                                                                           \
    (u32) mem_read((d)->f, (d)->common + offsetof(struct virtio_pci_common, field),                \
                   sizeof(((struct virtio_pci_common *)0)->field))
#define SET_COMMON(d, field, value)                                                                \
    mem_write((d)->f, (d)->common + offsetof(struct virtio_pci_common, field),                     \
              sizeof(((struct virtio_pci_common *)0)->field), (value))

/* Message `vector`: its data is 32 + vector. */
static inline void drv_vector(struct drv_device *d, u16 vector)
{
    mem_write(d->f, d->msix + 16u * vector, 8, 0xfee00000u);
    mem_write(d->f, d->msix + 16u * vector + 8, 8, 32u + vector); /* and not masked */
}

static inline u64 drv_offered(struct drv_device *d)
{
    SET_COMMON(d, device_feature_select, 0);
    const u64 low = COMMON(d, device_feature);
    SET_COMMON(d, device_feature_select, 1);
    return low | (u64)COMMON(d, device_feature) << 32;
}

/* From reset to FEATURES_OK; false: the device does not take these features. */
static inline bool drv_negotiate(struct drv_device *d, u64 features)
{
    SET_COMMON(d, device_status, 0);
    assert_int_equal(COMMON(d, device_status), 0);
    SET_COMMON(d, device_status, VIRTIO_STATUS_ACKNOWLEDGE);
    SET_COMMON(d, device_status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    for (u32 i = 0; i < 2; i++) {
        SET_COMMON(d, driver_feature_select, i);
        SET_COMMON(d, driver_feature, (u32)(features >> 32 * i));
    }
    SET_COMMON(d, device_status,
               VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
    return (COMMON(d, device_status) & VIRTIO_STATUS_FEATURES_OK) != 0;
}

/* Queue `number` of the device is `q` from now on, at d->memory, with message number + 1. */
static inline void drv_queue(struct drv_device *d, struct drv_queue *q, u16 number, u16 size,
                             u64 features)
{
    d->memory = drv_queue_init(q, d->memory, size, (features & VIRTIO_F_EVENT_IDX) != 0);
    SET_COMMON(d, queue_select, number);
    SET_COMMON(d, queue_size, size);
    assert_int_equal(COMMON(d, queue_size), size);
    SET_COMMON(d, queue_desc, q->desc_at);
    SET_COMMON(d, queue_driver, q->avail_at);
    SET_COMMON(d, queue_device, q->used_at);
    drv_vector(d, (u16)(number + 1));
    SET_COMMON(d, queue_msix_vector, number + 1u);
    assert_int_equal(COMMON(d, queue_msix_vector), number + 1u);
    SET_COMMON(d, queue_enable, 1);
    assert_int_equal(COMMON(d, queue_enable), 1);
}

static inline void drv_ok(struct drv_device *d)
{
    drv_vector(d, 0);
    SET_COMMON(d, config_msix_vector, 0);
    SET_COMMON(d, device_status, COMMON(d, device_status) | VIRTIO_STATUS_DRIVER_OK);
    assert_true(COMMON(d, device_status) & VIRTIO_STATUS_DRIVER_OK);
}

static inline void drv_kick(struct drv_device *d, u16 number)
{
    SET_COMMON(d, queue_select, number);
    port_write(d->f, d->ports + (u64)COMMON(d, queue_notify_off) * d->multiplier, 2, number);
}
