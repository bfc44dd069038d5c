/* The descriptors of Intel's 8254x gigabit controllers and the arithmetic of their rings.
 * PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual (317453), chapter 3
 * "Receive and Transmit Description".  Pure. */
#pragma once
#include "drivers/io/nic.h"

/* A receive descriptor.  Written by both sides. */
struct e1000_rx {
    u64 address;
    u16 length;
    u16 checksum;
    u8 status, errors;
    u16 special;
};

/* A transmit descriptor: data, or the context of a checksum; both in the manual's extended form. */
struct e1000_tx {
    u64 address; /* of a context: the offsets, ipcss in the lowest byte to tucse in the highest 16
                  */
    u32 command; /* length, type, command bits */
    u32 status;  /* status, options, special */
};
_Static_assert(sizeof(struct e1000_rx) == 16 && sizeof(struct e1000_tx) == 16,
               "the device's format");

#define E1000_RX_RING  256u
#define E1000_TX_RING  512u
#define E1000_RX_BYTES 2048u /* of each buffer, as RCTL says */
#define E1000_SEGMENTS 16u   /* of a frame */

/* A ring in which `used` descriptors from `first` on are the device's.  One is never used: head
 * and tail of a full ring would be those of an empty one. */
struct e1000_span {
    u32 size, first, used;
};

static inline u32 e1000_next(const struct e1000_span *s, u32 index)
{
    return index + 1 == s->size ? 0 : index + 1;
}
/* The first that is not the device's: what goes into the tail register. */
static inline u32 e1000_tail(const struct e1000_span *s)
{
    return (s->first + s->used) % s->size;
}
static inline u32 e1000_free(const struct e1000_span *s)
{
    return s->size - 1 - s->used;
}
/* How many from the first one to `index` are the device's, with it; 0: `index` is not. */
u32 e1000_upto(const struct e1000_span *s, u32 index);

/* Descriptors that a frame needs. */
u32 e1000_tx_needs(const struct nic_frame *f);
/* Writes the frame's descriptors from the span's tail on, the last one asking for a report, and
 * returns the last one's index.  There has to be room.  The span grows. */
u32 e1000_tx_fill(struct e1000_tx *ring, struct e1000_span *s, const struct nic_frame *f);
/* Whether the device can compute such a checksum: its offsets have 8 bits.  E_NOTSUP. */
err_t e1000_tx_check(const struct nic_offload *o);
bool e1000_tx_done(u32 status);

enum e1000_received {
    E1000_RX_EMPTY,    /* still the device's */
    E1000_RX_FRAME,    /* a whole frame of *len bytes */
    E1000_RX_PART,     /* of a frame that is longer than a buffer: more follows */
    E1000_RX_PART_END, /* the last of those */
    E1000_RX_ERROR,    /* received with an error that the device names */
    E1000_RX_NONSENSE, /* an impossible length */
};
/* Judges a copy of a receive descriptor.  `parts`: the one before was a PART. */
enum e1000_received e1000_rx_judge(const struct e1000_rx *d, u32 room, bool parts, u32 *len);
