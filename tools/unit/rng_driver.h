/* A driver of the entropy device, the simplest there is. */
#pragma once
#include "control/virtio/pci.h"
#include "control/virtio/rng.h"
#include "virtio_bus.h"

#define SLOT    3u
#define DATA_AT (DRV_BASE + 0x20000)
#define ALL     (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_RESET)
#define RUNNING                                                                                    \
    (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK |                \
     VIRTIO_STATUS_DRIVER_OK)

static struct fake_bus f;
static struct grant grant;
static struct virtio_rng rng;
static struct drv_device d;
static struct drv_queue q;
static u8 next_byte;
static u32 source_has;

static inline u32 source(void *ctx, void *to, u32 len)
{
    const u32 now = MIN(len, source_has);

    assert_ptr_equal(ctx, &source_has);
    for (u32 i = 0; i < now; i++)
        ((u8 *)to)[i] = next_byte++;
    source_has -= now;
    return now;
}

static inline int begin(void **state)
{
    const char *why = NULL;

    (void)state;
    fake_bus_init(&f);
    drv_grant(&grant);
    assert_int_equal(virtio_rng_init(&rng, &grant, "rng", source, &source_has, &why), OK);
    assert_int_equal(pci_bus_add(&f.bus, &rng.v.pci, SLOT), OK);
    assert_int_equal(pci_bars_place(&f.bus), OK);
    drv_find(&d, &f, SLOT);
    d.memory = DRV_BASE;
    next_byte = 0, source_has = 1000000;
    return 0;
}

static inline void run(u64 features)
{
    assert_true(drv_negotiate(&d, features));
    d.memory = DRV_BASE;
    drv_queue(&d, &q, 0, 8, features);
    drv_ok(&d);
}

static inline void work(void)
{
    while (virtio_work(&rng.v))
        ;
}

/* One buffer of `len` bytes at DATA_AT; gives the bytes that came. */
static inline u32 ask(u32 len)
{
    const struct drv_buffer b = {DATA_AT, len, true};
    u32 head = 0, got = 0;

    (void)drv_add(&q, &b, 1, 0, 0);
    (void)drv_show(&q);
    drv_kick(&d, 0);
    work();
    assert_true(drv_used(&q, &head, &got));
    return got;
}
