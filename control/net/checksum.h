/* The Internet checksum over a frame.  RFC 1071.  Pure. */
#pragma once
#include "control/net/port.h"

/* What is to be stored at sum_start + sum_offset of a frame with NIC_SUM_PARTIAL, in the order of
 * the bytes in memory; 0xffff where it would be 0, which says "no checksum" in UDP and is equal to
 * it in TCP.  `bytes`: the frame as a whole. */
u16 checksum_complete(const u8 *bytes, u32 len, u32 sum_start);
