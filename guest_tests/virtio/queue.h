/* The driver's side of a split virtqueue.
 * OASIS VIRTIO 1.2, "Split Virtqueues". */
#pragma once
#include "guest_tests/virtio/device.h"

#define QUEUE_SIZE 128u /* at most: the three areas have a page */
#define QUEUE_NONE 0xffffu

/* A piece of memory for the device. */
struct queue_part {
    void *at;
    u32 len;
    bool in; /* the device writes; all of these are behind the others */
};

struct queue {
    u8 page[PAGE_SIZE] __attribute__((aligned(4096))); /* the areas */
    struct virtq_desc *desc;
    struct virtq_avail *avail;
    struct virtq_used *used;
    const struct virtio_device *v;
    u32 doorbell; /* in its structure */
    u16 number, size;
    bool event_idx;
    u16 next[QUEUE_SIZE]; /* of descriptors: the list of free ones, or the chain */
    bool out[QUEUE_SIZE]; /* the device has the chain with this head */
    u16 free, free_count;
    u16 avail_idx; /* also what was not shown yet */
    u16 shown;     /* to the device */
    u16 seen;      /* of the used ring */
    u32 kicks;     /* times that the doorbell was rung */
};

/* Sets queue `number` up, between FEATURES_OK and DRIVER_OK, with at most `size` entries and entry
 * `vector` of MSI-X, or VIRTIO_MSI_NO_VECTOR.  False: the test has failed. */
bool queue_start(struct queue *q, struct virtio_device *v, u16 number, u16 size, u16 vector);

/* Adds a chain.  QUEUE_NONE: no room; else its head, which queue_take() gives back. */
u16 queue_add(struct queue *q, const struct queue_part *parts, u32 n);
/* The same with all parts in a table of n descriptors, which the caller keeps until then. */
u16 queue_add_indirect(struct queue *q, const struct queue_part *parts, u32 n,
                       struct virtq_desc *table);
/* Shows what was added, and rings the doorbell if the device wants it. */
void queue_kick(struct queue *q);
void queue_ring(struct queue *q); /* in any case */

/* Whether the device has given something back. */
static inline bool queue_has(const struct queue *q)
{
    return *(volatile u16 *)&q->used->idx != q->seen;
}
/* The next one: its head and the bytes that were written; QUEUE_NONE: there is none. */
u16 queue_take(struct queue *q, u32 *written);
/* Waits until the device has given something back; false: not in time. */
bool queue_wait(const struct queue *q, u64 ticks);

/* No interrupts from now on, or one when the next chain is given back. */
void queue_interrupts(struct queue *q, bool wanted);
