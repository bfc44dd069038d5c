/* Lists of segments: copying between one and plain memory, and cutting a piece out of one.  Pure.
 */
#pragma once
#include "drivers/io/env.h"

/* Copy `len` bytes that begin `offset` bytes into the list.  They have to be in it. */
void segments_read(const struct io_segment *s, u64 offset, void *to, u64 len);
void segments_write(const struct io_segment *s, u64 offset, const void *from, u64 len);

/* The segments that are [offset, offset + len) of the list, into `piece`, which has room for as
 * many as the list has.  Returns how many. */
u32 segments_cut(const struct io_segment *s, u64 offset, u64 len, struct io_segment *piece);
