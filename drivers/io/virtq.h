/* The driver's side of a split virtqueue, with event index and indirect descriptors.  Virtual I/O
 * Device (VIRTIO) Version 1.2, 2.7 "Split Virtqueues".  Pure.
 *
 * The device can write all of the ring, whenever it likes.  So nothing is read back but the used
 * ring, the device's flags and its event index, each once; which descriptors are free, and whose
 * they are, is in private memory. */
#pragma once
#include "drivers/io/env.h"

#define VIRTQ_SIZE_MAX  128u /* entries that this driver uses of a larger queue */
#define VIRTQ_CHAIN_MAX 34u  /* pieces of one request */
#define VIRTQ_DRAINS    64u  /* looks at a ring in a row: the device may be as fast as we are */

struct virtq_piece {
    u64 bus;
    u32 len;
};

struct virtq_slot {
    void *token;  /* NULL: the slot is free */
    u32 writable; /* bytes that the device may write */
    u16 pieces;   /* descriptors of the ring that it takes */
    bool shown;   /* to the device: only then it can be done with it */
};

struct virtq {
    struct io_env *env;
    struct io_dma ring;   /* descriptors, available ring, used ring */
    struct io_dma tables; /* one indirect table for each slot; without length: none */
    u32 size;             /* entries: a power of two */
    bool event_index, interrupts;

    u32 available_at, used_at;       /* offsets in the ring's memory */
    u16 available, published, taken; /* counts modulo 2^16: written, shown, taken back */
    u16 free, free_count;
    u16 next[VIRTQ_SIZE_MAX];
    u16 added[VIRTQ_SIZE_MAX]; /* slots that are not shown yet: available - published */
    struct virtq_slot slot[VIRTQ_SIZE_MAX];
};

enum virtq_taken { VIRTQ_NOTHING, VIRTQ_TAKEN, VIRTQ_BROKEN };

/* Allocates an empty queue for a device which takes `size_max` entries; interrupts are on.
 * E_NOTSUP: fewer than two, or no power of two.  E_NOMEM: no DMA memory. */
err_t virtq_open(struct virtq *q, struct io_env *env, u32 size_max, bool event_index,
                 bool indirect);
/* Forgets everything that is in it, as after a reset of the device. */
void virtq_clear(struct virtq *q);
void virtq_close(struct virtq *q);

/* Bus addresses of the three parts, for the transport. */
u64 virtq_descriptors(const struct virtq *q);
u64 virtq_available(const struct virtq *q);
u64 virtq_used(const struct virtq *q);

/* The slot that the next virtq_add() takes; below size.  E_NOMEM: there is none. */
err_t virtq_next(const struct virtq *q, u32 *slot);
/* Puts a request into the queue, for virtq_publish(): the first `out` pieces are for the device to
 * read, then `in` for it to write.  token: what virtq_take() gives; not NULL.  E_INVAL: no pieces,
 * or more than a chain or the queue takes.  E_NOMEM: not so many descriptors are free. */
err_t virtq_add(struct virtq *q, const struct virtq_piece *piece, u32 out, u32 in, void *token);
/* How many requests of so many pieces surely fit. */
u32 virtq_room(const struct virtq *q, u32 pieces);
/* Shows the device what was added.  True: it wants to be notified of that. */
bool virtq_publish(struct virtq *q);

/* Takes back one request that the device is done with, and how many bytes it says it has written,
 * at most the writable ones.  `slot` is free again.  VIRTQ_BROKEN: the device has shown an index,
 * an id or a length that cannot be; reset it. */
enum virtq_taken virtq_take(struct virtq *q, void **token, u32 *slot, u32 *written);
/* Asks for an interrupt at the next request that is done, or for none.  True: there already is one
 * to be taken. */
bool virtq_interrupts(struct virtq *q, bool on);
/* The same, as it was asked last; after everything was taken. */
bool virtq_rearm(struct virtq *q);

/* What is in a slot; NULL: nothing. */
void *virtq_token(const struct virtq *q, u32 slot);
