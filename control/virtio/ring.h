/* The device's side of a split virtqueue: takes chains of buffers from a driver that is not trusted
 * and gives them back.  All that a guest can write -- index, ring entry, descriptor, indirect table
 * -- is loaded once, judged as a copy, and bounded by the queue's size; no buffer outside of the
 * guest's grant comes out.  The first fault stops this ring for good, and says what was wrong.
 * OASIS VIRTIO 1.2, "Split Virtqueues".  Pure.
 * Owner: one device, one thread; the driver writes the three areas meanwhile. */
#pragma once
#include "abi/virtio.h"
#include "control/guest/grant.h"
#include "lib/types.h"

#define VRING_INDIRECT_MAX  1024u /* descriptors in an indirect table */
#define VRING_JOURNAL_HEADS 256u  /* the longest queue with a journal */

/* What of a ring must outlive this program, so that the next one can go on with it: which chains
 * were taken and not given back.  In memory of the caller's that a crash leaves alone.  Counts
 * begin at the ring's start; their low 16 bits are the ring's indices. */
struct vring_journal {
    u64 taken; /* chains taken */
    u64 shown; /* chains given back and shown to the driver */
    struct vring_record {
        enum vring_state { VRING_FREE, VRING_TAKEN, VRING_AGAIN, VRING_GIVEN } state;
        u64 count; /* TAKEN: of those taken before it; GIVEN: of those given before it */
    } head[VRING_JOURNAL_HEADS];
};

/* A driver's words about its queue. */
struct vring_place {
    u16 size; /* a power of two, at most VIRTQ_SIZE_MAX */
    gpa_t desc, avail, used;
    bool event_idx, indirect;      /* negotiated */
    struct vring_journal *journal; /* or NULL */
};

enum vring_error {
    VRING_OK,
    VRING_SIZE,         /* the queue's size is not a power of two, or longer than a journal */
    VRING_ALIGN,        /* an area is not aligned */
    VRING_AREA,         /* an area is not in the grant, or is not any more */
    VRING_AVAIL_IDX,    /* avail.idx is further ahead than the queue is long */
    VRING_OPEN,         /* more chains outstanding than there are descriptors */
    VRING_INDEX,        /* the number of a descriptor is too big */
    VRING_LOOP,         /* a chain has more links than its table has entries */
    VRING_LONG,         /* more buffers than this device takes */
    VRING_BYTES,        /* 4 GiB or more in one direction */
    VRING_ORDER,        /* a buffer to read behind one to write */
    VRING_BUFFER,       /* a buffer is not in the grant */
    VRING_NO_INDIRECT,  /* an indirect table that was not negotiated */
    VRING_NESTED,       /* an indirect table in an indirect table, or with a next one */
    VRING_TABLE_LENGTH, /* no whole number of descriptors, or none, or too many */
    VRING_TABLE,        /* an indirect table is not in the grant */
    VRING_ERRORS
};

/* What was wrong, where. */
struct vring_fault {
    enum vring_error error;
    u16 head;  /* of the chain */
    u16 index; /* of the descriptor in its table; VRING_AVAIL_IDX: the index */
    gpa_t at;  /* the area, table or buffer */
    u32 len;   /* its bytes */
};

struct vring {
    const struct grant *grant;
    u32 generation; /* of the grant, when these were found: */
    const struct virtq_desc *desc;
    const struct virtq_avail *avail;
    struct virtq_used *used;
    struct vring_place place;
    u16 next_avail;                      /* the next entry to take */
    u16 seen_avail;                      /* the driver's index when it was last looked at */
    u16 used_idx;                        /* behind the last entry written, published or not */
    u16 signalled;                       /* used_idx when interrupts were last considered */
    u16 open;                            /* chains taken and not given back */
    u64 again[VRING_JOURNAL_HEADS / 64]; /* after a crash: heads that are to be taken once more */
    struct vring_fault fault;
};

/* A chain: first `outs` pieces that the driver wrote for us, then `ins` that we are to write.  All
 * are inside of the grant, none is empty, and the guest may write to them meanwhile. */
struct vring_chain {
    struct io_segment *segment; /* the caller's room for `room` pieces */
    u32 room;
    u32 outs, ins;
    u32 out_bytes, in_bytes;
    u16 head;
};

/* A queue as the driver has set it up, empty.  E_INVAL: r->fault says why, and r takes nothing. */
err_t vring_start(struct vring *r, const struct grant *g, const struct vring_place *place);

/* Goes on with a ring that a program before this one has left in the middle, by its journal: what
 * it had taken and not shown comes out of vring_take() once more, before all others.  What it had
 * done with it by then may be done twice.  Errors as above. */
err_t vring_resume(struct vring *r, const struct grant *g, const struct vring_place *place);

/* The next chain; false: there is none, or the ring is broken (r->fault.error). */
bool vring_take(struct vring *r, struct vring_chain *chain);
/* The last chain, whose head it is, goes back to the driver's side as if it never was taken. */
void vring_untake(struct vring *r, u16 head);
/* Gives a chain back with `written` bytes in its first in-pieces.  Seen by the driver after
 * vring_publish(). */
void vring_give(struct vring *r, u16 head, u32 written);
/* Shows the driver what was given back.  True: it wants an interrupt. */
bool vring_publish(struct vring *r);
/* Asks the driver to tell of chains beyond those that vring_take() has come upon, taken or not; or
 * not to tell (it may do so anyway).  True, for `want` alone: some have come meanwhile, and nobody
 * will tell. */
bool vring_want_kicks(struct vring *r, bool want);

/* The fault in words, without an end of line; "" if there is none. */
void vring_fault_text(const struct vring_fault *f, char *text, size_t size);
