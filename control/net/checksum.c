/* See checksum.h.  Pure. */
#include "control/net/checksum.h"

u16 checksum_complete(const u8 *bytes, u32 len, u32 sum_start)
{
    u32 sum = 0; /* of at most 759 words of 16 bits */

    for (u32 i = sum_start; i + 1 < len; i += 2)
        sum += (u32)(bytes[i] | bytes[i + 1] << 8);
    if ((len - sum_start) & 1)
        sum += bytes[len - 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff ? 0xffff : (u16)~sum;
}
