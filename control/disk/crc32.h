/* CRC-32 as in Ethernet and GPT: polynomial 0x04c11db7, reflected.  Pure. */
#pragma once
#include "lib/types.h"

#define CRC32_BEGIN 0xffffffffu

/* Goes on with a sum that began as CRC32_BEGIN; its complement is the CRC. */
u32 crc32_add(u32 sum, const void *data, size_t len);
