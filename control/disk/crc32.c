/* See crc32.h; four bits at a time.  Pure. */
#include "control/disk/crc32.h"

/* What a nibble of the sum becomes when it has been shifted out. */
static u32 of_nibble(u32 nibble)
{
    for (u32 i = 0; i < 4; i++)
        nibble = nibble >> 1 ^ (nibble & 1 ? 0xedb88320u : 0);
    return nibble;
}

u32 crc32_add(u32 sum, const void *data, size_t len)
{
    const u8 *at = data;
    u32 table[16];

    for (u32 i = 0; i < ARRAY_LEN(table); i++)
        table[i] = of_nibble(i);
    for (; len; len--, at++) {
        sum ^= *at;
        sum = sum >> 4 ^ table[sum & 15];
        sum = sum >> 4 ^ table[sum & 15];
    }
    return sum;
}
