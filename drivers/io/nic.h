/* The small interface of a network card.  Drivers fill in a struct nic; back ends and tests use
 * the functions here.  The rules of env.h hold.
 *
 * Frames are Ethernet frames without preamble and frame check sequence.  What was accepted, a frame
 * to send or an empty buffer, comes back exactly once, out of nic_poll(), nic_reset(),
 * nic_stop() or the interrupt handler, never out of nic_send() or nic_post(); then the device
 * does not touch its memory any more.  The callbacks may send and post; they may not poll, reset
 * or stop. */
#pragma once
#include "drivers/io/env.h"

#define NIC_HEADER    14u   /* bytes of an Ethernet header */
#define NIC_FRAME_MIN 14u   /* bytes to send; the device pads to what Ethernet wants */
#define NIC_MTU       1500u /* bytes behind the header, if the device says nothing else */

/* Work on a frame that is left to the receiving side.  On the way out only what nic->features
 * has; on the way in only what was asked for. */
struct nic_offload {
    u8 flags;        /* NIC_SUM_..., NIC_SEGMENT_... */
    u16 sum_start;   /* NIC_SUM_PARTIAL: from here to the end (bytes of the frame)  */
    u16 sum_offset;  /*   the sum is stored at sum_start + sum_offset */
    u16 header_len;  /* NIC_SEGMENT_...: bytes of all headers */
    u16 segment_len; /*   bytes of payload of each frame but the last */
};

#define NIC_SUM_PARTIAL  BIT32(0) /* the TCP or UDP checksum is still the pseudo header's */
#define NIC_SUM_GOOD     BIT32(1) /* received: the device has checked it */
#define NIC_SEGMENT_TCP4 BIT32(2)
#define NIC_SEGMENT_TCP6 BIT32(3)

/* A frame to send. */
struct nic_frame {
    /* The submitter's; unchanged until it is sent. */
    const struct io_segment *segment;
    u32 segments;
    u32 queue; /* below nic->tx_queues */
    struct nic_offload offload;
    void (*sent)(struct nic_frame *f, enum io_result result);
    void *context;

    /* The driver's, while it has the frame. */
    struct nic_frame *next;
    u64 deadline; /* microseconds of io_now() */
    u32 slot;
    enum io_result result;
};

/* An empty buffer for one frame. */
struct nic_buffer {
    struct io_segment memory; /* at least nic->buffer_min bytes */
    u32 queue;                /* below nic->rx_queues */
    void *context;

    /* The driver's, while it has the buffer. */
    struct nic_buffer *next;
    u32 slot;
};

/* What a card can do. */
#define NIC_CAN_SUM          BIT32(0) /* NIC_SUM_PARTIAL on the way out */
#define NIC_CAN_SEGMENT_TCP4 BIT32(1)
#define NIC_CAN_SEGMENT_TCP6 BIT32(2)
#define NIC_GIVES_SUM        BIT32(3) /* NIC_SUM_GOOD or NIC_SUM_PARTIAL on the way in */

/* What it receives beside its own address and broadcasts. */
#define NIC_ALL_MULTICAST BIT32(0)
#define NIC_PROMISCUOUS   BIT32(1)

enum nic_event {
    NIC_LINK, /* nic->link has changed */
    NIC_LOST, /* given up or removed: everything is refused with E_IO from now on */
};

struct nic;

/* Who uses a card. */
struct nic_user {
    /* Of `len` bytes at the start of b->memory, a frame; 0 and a result that is not IO_DONE: the
     * buffer comes back empty.  len <= b->memory.len. */
    void (*received)(struct nic *n, struct nic_buffer *b, u32 len,
                     const struct nic_offload *offload, enum io_result result);
    /* May be NULL.  It may not call the card. */
    void (*event)(struct nic *n, enum nic_event event);
    void *context;
};

struct nic_ops {
    err_t (*send)(struct nic *n, struct nic_frame *f);
    err_t (*post)(struct nic *n, struct nic_buffer *b);
    void (*kick)(struct nic *n);
    u64 (*poll)(struct nic *n);
    void (*interrupts)(struct nic *n, bool on);
    err_t (*receive_mode)(struct nic *n, u32 mode);
    err_t (*reset)(struct nic *n);
    void (*stop)(struct nic *n);
};

struct nic {
    const struct nic_ops *ops;
    struct io_env *env;
    char name[24]; /* for logs: driver and place */

    u8 mac[6];
    bool link;      /* up */
    u32 speed_mbit; /* 0: unknown */
    u32 mtu;        /* bytes behind the Ethernet header */
    u32 features;   /* NIC_CAN_..., NIC_GIVES_... */
    u32 tx_queues, rx_queues;
    u32 tx_depth, rx_depth; /* frames and buffers that one queue surely takes at once */
    u32 segments_max;       /* of a frame */
    u32 buffer_min;         /* bytes */
    u64 bus_last;           /* the highest bus address that the device reaches */

    /* Microseconds that a frame may take to be sent: set before the first one. */
    u32 timeout_us;

    const struct nic_user *user; /* set before anything is posted */

    bool lost;
    struct io_counts counts;
};

#define NIC_TIMEOUT_US 5000000u /* if nothing else is asked for */

/* Gives a frame to the driver, which may wait for nic_kick() before it tells the device.  Not OK:
 * nothing happened, and sent() will not be called.  E_IO the card is lost; E_INVAL too short or too
 * long, empty segments or too many, no such queue; E_NOTSUP an offload that the card cannot do;
 * E_NOMEM the queue is full, try again after a frame was sent.  A frame is sent, into nowhere,
 * without a link, too. */
err_t nic_send(struct nic *n, struct nic_frame *f);

/* Gives an empty buffer to the card.  E_IO, E_INVAL, E_NOMEM as above. */
err_t nic_post(struct nic *n, struct nic_buffer *b);

/* Tells the device of the frames and buffers since the last kick. */
void nic_kick(struct nic *n);

/* Gives back what was sent and received, looks at the link, and for what has timed out.  Returns
 * when it wants to be called again at the latest, in microseconds of io_now(), or IO_NEVER. */
u64 nic_poll(struct nic *n);

/* Whether the device interrupts; off: nic_poll() is called often enough.  After switching on, call
 * nic_poll() once. */
void nic_interrupts(struct nic *n, bool on);

/* NIC_ALL_MULTICAST | NIC_PROMISCUOUS, or 0.  E_NOTSUP: the card cannot be told; it then receives
 * at least what was asked for, if it is a card that filters nothing.  E_IO: it does not answer. */
err_t nic_receive_mode(struct nic *n, u32 mode);

/* Resets the card and starts it again: frames come back as IO_RESET, buffers empty as IO_RESET.
 * Not OK: the card is lost. */
err_t nic_reset(struct nic *n);

/* Ends everything: the card does no more DMA; all comes back as IO_GONE; DMA memory and interrupts
 * are given back. */
void nic_stop(struct nic *n);

/* ------------------------------------------------------------ for drivers */

/* Gives back each frame of a list (->next), with its ->result; counts the errors. */
void nic_sent(struct nic *n, struct nic_frame *list);

/* Gives back each buffer of a list empty. */
void nic_return(struct nic *n, struct nic_buffer *list, enum io_result result);

/* The card is given up.  Call after everything was taken out of it, and before it is given back. */
void nic_lose(struct nic *n);
