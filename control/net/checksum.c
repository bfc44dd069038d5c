/* See checksum.h.  Pure. */
#include "control/net/checksum.h"

/* One's complement addition: what is carried out comes in again at the lower end.  RFC 1071,
 * "Deferred Carries" and "Parallel Summation": the sum of wide words folds to that of 16-bit ones.
 */
static u64 add(u64 sum, u64 word)
{
    sum += word;
    return sum + (sum < word);
}

u16 checksum_complete(const u8 *bytes, u32 len, u32 sum_start)
{
    const u8 *at = bytes + sum_start;
    u32 left = len - sum_start;
    u64 sum = 0, word = 0;

    for (; left >= sizeof(word); at += sizeof(word), left -= (u32)sizeof(word)) {
        __builtin_memcpy(&word, at, sizeof(word));
        sum = add(sum, word);
    }
    word = 0;
    while (left--)
        word |= (u64)at[left] << (8 * left);
    sum = add(sum, word);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff ? 0xffff : (u16)~sum;
}
