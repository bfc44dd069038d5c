/* A driver's side of split virtqueues, and the guest's memory that they lie in: what the tests of
 * virtio devices share.  The memory is two ranges that follow each other for the guest and lie
 * apart for the device. */
#pragma once
#include "abi/virtio.h"
#include "control/guest/grant.h"
#include "lib/atomic.h"
#include <stdlib.h>
#include <string.h>

#define DRV_BASE 0x100000ull
#define DRV_HALF 0x80000ull /* bytes of each range */
#define DRV_END  (DRV_BASE + 2 * DRV_HALF)
#define DRV_BUS  0x40000000ull /* what a device adds to a guest-physical address */

static _Alignas(4096) u8 drv_low[DRV_HALF], drv_high[DRV_HALF];

static inline u64 drv_random(void)
{
    static u64 x = 0x9e3779b97f4a7c15ull;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x >> 8;
}

static inline void drv_grant(struct grant *g)
{
    *g = (struct grant){.ranges = 0};
    if (grant_add(g, (gpa_t){DRV_BASE}, DRV_HALF, drv_low, DRV_BASE + DRV_BUS) != OK ||
        grant_add(g, (gpa_t){DRV_BASE + DRV_HALF}, DRV_HALF, drv_high,
                  DRV_BASE + DRV_HALF + DRV_BUS) != OK)
        abort();
}

static inline u8 *drv_byte(u64 gpa)
{
    if (gpa < DRV_BASE || gpa >= DRV_END)
        abort();
    return gpa < DRV_BASE + DRV_HALF ? &drv_low[gpa - DRV_BASE]
                                     : &drv_high[gpa - DRV_BASE - DRV_HALF];
}

static inline void drv_write(u64 gpa, const void *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        *drv_byte(gpa + i) = ((const u8 *)from)[i];
}

static inline void drv_read(void *to, u64 gpa, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((u8 *)to)[i] = *drv_byte(gpa + i);
}

struct drv_buffer {
    u64 gpa;
    u32 len;
    bool in; /* the device writes it */
};

struct drv_queue {
    u16 size;
    bool event_idx;
    u64 desc_at, avail_at, used_at; /* gpa */
    struct virtq_desc *desc;
    struct virtq_avail *avail;
    struct virtq_used *used;
    u16 avail_idx, used_seen;
    u16 shown; /* avail_idx when the device was last told */
    u16 unused, next_unused[VIRTQ_SIZE_MAX];
    u16 left; /* descriptors that are not used */
};

static inline u16 *drv_used_event(struct drv_queue *q)
{
    return &q->avail->ring[q->size];
}

static inline u16 *drv_avail_event(struct drv_queue *q)
{
    return (u16 *)(void *)&q->used->ring[q->size];
}

/* An empty queue at `at`; gives the address behind it.  All of it is in one range. */
static inline u64 drv_queue_init(struct drv_queue *q, u64 at, u16 size, bool event_idx)
{
    *q = (struct drv_queue){.size = size, .event_idx = event_idx, .left = size};
    q->desc_at = ALIGN_UP(at, 16ull);
    q->avail_at = q->desc_at + virtq_desc_bytes(size);
    q->used_at = ALIGN_UP(q->avail_at + virtq_avail_bytes(size), 4ull);
    q->desc = (void *)drv_byte(q->desc_at);
    q->avail = (void *)drv_byte(q->avail_at);
    q->used = (void *)drv_byte(q->used_at);
    memset(q->desc, 0, virtq_desc_bytes(size));
    memset(q->avail, 0, virtq_avail_bytes(size));
    memset(q->used, 0, virtq_used_bytes(size));
    for (u16 i = 0; i < size; i++)
        q->next_unused[i] = (u16)(i + 1);
    return q->used_at + virtq_used_bytes(size);
}

static inline u16 drv_take_desc(struct drv_queue *q)
{
    const u16 index = q->unused;

    if (q->left-- == 0)
        abort();
    q->unused = q->next_unused[index];
    return index;
}

/* Descriptors `n` of a table at `table`, whose numbers are `at[]`. */
static inline void drv_fill(struct virtq_desc *table, const u16 *at, const struct drv_buffer *b,
                            u32 n, bool more)
{
    for (u32 i = 0; i < n; i++)
        table[at[i]] =
            (struct virtq_desc){.addr = b[i].gpa,
                                .len = b[i].len,
                                .flags = (u16)((b[i].in ? VIRTQ_DESC_F_WRITE : 0) |
                                               (i + 1 < n || more ? VIRTQ_DESC_F_NEXT : 0)),
                                .next = i + 1 < n || more ? at[i + 1] : (u16)drv_random()};
}

/* A chain of n >= 1 buffers, of which the last `indirect` ones are in a table at `table_at`.  Gives
 * its head; the device sees it after drv_show(). */
static inline u16 drv_add(struct drv_queue *q, const struct drv_buffer *b, u32 n, u32 indirect,
                          u64 table_at)
{
    const u32 direct = n - indirect;
    u16 at[1024], inner[1024];

    for (u32 i = 0; i < direct + (indirect != 0); i++)
        at[i] = drv_take_desc(q);
    drv_fill(q->desc, at, b, direct, indirect != 0);
    if (indirect != 0) {
        for (u32 i = 0; i < indirect; i++)
            inner[i] = (u16)i;
        static struct virtq_desc table[1024];
        drv_fill(table, inner, b + direct, indirect, false);
        drv_write(table_at, table, indirect * sizeof(struct virtq_desc));
        q->desc[at[direct]] = (struct virtq_desc){
            .addr = table_at,
            .len = indirect * (u32)sizeof(struct virtq_desc),
            .flags = (u16)(VIRTQ_DESC_F_INDIRECT | (drv_random() & 1 ? VIRTQ_DESC_F_WRITE : 0))};
    }
    q->avail->ring[q->avail_idx & (q->size - 1)] = at[0];
    q->avail_idx++;
    return at[0];
}

/* Shows the device what was added.  True: it wants to be told. */
static inline bool drv_show(struct drv_queue *q)
{
    const u16 old = q->shown;

    store_release(&q->avail->idx, q->avail_idx);
    q->shown = q->avail_idx;
    if (!q->event_idx)
        return !(q->used->flags & VIRTQ_USED_NO_NOTIFY);
    for (u16 i = old; i != q->avail_idx; i++) /* has one of the new ones the asked-for number? */
        if (i == *drv_avail_event(q))
            return true;
    return false;
}

/* What the device has given back; its descriptors are unused again. */
static inline bool drv_used(struct drv_queue *q, u32 *head, u32 *len)
{
    if (load_acquire(&q->used->idx) == q->used_seen)
        return false;
    const struct virtq_used_elem e = q->used->ring[q->used_seen++ & (q->size - 1)];
    *head = e.id, *len = e.len;
    if (e.id >= q->size)
        abort();
    for (u16 index = (u16)e.id;;) {
        const struct virtq_desc d = q->desc[index];
        q->next_unused[index] = q->unused;
        q->unused = index;
        q->left++;
        if (!(d.flags & VIRTQ_DESC_F_NEXT))
            return true;
        index = d.next;
    }
}
