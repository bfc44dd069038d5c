/* Single loads of a guest's memory; see fetch.h.  Pure. */
#include "control/guest/fetch.h"
#include "lib/atomic.h"
#include "lib/mem.h"

/* An indirect table may lie at any address. */
struct any_u64 {
    u64 v;
} PACKED;

u16 fetch16(const void *at)
{
    return READ_ONCE(*(const u16 *)at);
}

void fetch_desc(struct virtq_desc *to, const void *at)
{
    const volatile struct any_u64 *words = at;
    const u64 addr = words[0].v, rest = words[1].v;

    *to = (struct virtq_desc){
        .addr = addr, .len = (u32)rest, .flags = (u16)(rest >> 32), .next = (u16)(rest >> 48)};
}

void fetch_bytes(void *to, const void *at, size_t len)
{
    copy_bulk(to, at, len);
}
