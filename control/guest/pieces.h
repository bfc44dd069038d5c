/* Bytes of a chain of buffers: its pieces begin and end anywhere, so a header may be in several of
 * them, and several things in one.  The memory is a guest's: what is read is a copy, each byte
 * loaded once; nothing beyond the end of the list is touched.  Pure. */
#pragma once
#include "drivers/io/env.h"

/* Copies `len` bytes that begin `offset` bytes into the list of `n` pieces.  Returns how many there
 * were. */
u32 pieces_read(const struct io_segment *s, u32 n, u64 offset, void *to, u32 len);
/* The same into the list. */
u32 pieces_write(const struct io_segment *s, u32 n, u64 offset, const void *from, u32 len);
/* Copies `len` bytes from one list to the other.  Returns how many there were in both. */
u32 pieces_copy(const struct io_segment *to, u32 to_n, u64 to_offset, const struct io_segment *from,
                u32 from_n, u32 len);
/* The pieces that are [offset, offset + len) of the list, into `out`, which has room for n (it may
 * be the list itself).  Returns how many. */
u32 pieces_cut(const struct io_segment *s, u32 n, u64 offset, u64 len, struct io_segment *out);
/* What of [offset, offset + len) lies in the first of them.  False: nothing is there. */
bool pieces_first(const struct io_segment *s, u32 n, u64 offset, u64 len, struct io_segment *out);
