/* See window.h.  A PC's memory: RAM from 0 to the VGA window, from behind it to the hole for
 * devices below 4 GiB, and the rest from 4 GiB (docs/abi.md). */
#include "control/served/window.h"
#include "control/memory.h"
#include "control/rt.h"

/* Below are our own RAM, and devices'; those that firmware puts at the end of the physical
 * addresses, the last eighth of them with OVMF, are behind the last guest. */
#define WINDOWS_AT (256 * GiB)
#define LOW_END    0xa0000ull
#define HIGH_BEGIN 0xc0000ull
#define HOLE       (3 * GiB)
#define ABOVE      (4 * GiB)
/* What lies there no device can reach: the guest's memory is at another address on the bus. */
#define NOT_ON_BUS BIT(63)

static struct served_window *windows; /* in order of addresses */

static bool overlaps(u64 a, u64 a_bytes, u64 b, u64 b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

/* The first place behind others that has room. */
static void place(struct served_window *w)
{
    struct served_window **at = &windows;
    u64 begin = WINDOWS_AT;

    if (overlaps(begin, w->bytes, info->memory, info->memory_bytes))
        begin = ALIGN_UP(info->memory + info->memory_bytes, GiB);
    for (; *at && (*at)->at < begin + w->bytes; at = &(*at)->next)
        begin = MAX(begin, ALIGN_UP((*at)->at + (*at)->bytes, GiB));
    w->at = begin;
    w->next = *at;
    *at = w;
}

static void unplace(struct served_window *w)
{
    struct served_window **at = &windows;

    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
}

static err_t map(struct served_window *w, u64 gpa, u64 bytes)
{
    const i64 result = abi_map(w->partition, gpa, bytes, w->at + gpa);

    if (result != ABI_OK) {
        say("partition %u: its memory at 0x%llx cannot be mapped: error %lld", w->partition,
            (unsigned long long)gpa, (long long)result);
        return E_PERM;
    }
    return grant_add(&w->grant, (gpa_t){gpa}, bytes, (void *)(w->at + gpa), NOT_ON_BUS + gpa);
}

static err_t map_all(struct served_window *w, u64 memory)
{
    const u64 low = MIN(memory, HOLE);

    TRY(memory_window(w->at, low, false));
    TRY(map(w, 0, LOW_END));
    TRY(map(w, HIGH_BEGIN, low - HIGH_BEGIN));
    if (memory == low)
        return OK;
    TRY(memory_window(w->at + ABOVE, memory - low, false));
    return map(w, ABOVE, memory - low);
}

err_t window_open(struct served_window *w, u32 partition, u64 memory)
{
    err_t err;

    *w = (struct served_window){.partition = partition};
    w->bytes = memory > HOLE ? ABOVE + memory - HOLE : memory;
    place(w);
    err = map_all(w, memory);
    if (err != OK)
        window_close(w);
    return err;
}

void window_close(struct served_window *w)
{
    for (u32 i = 0; i < w->grant.ranges; i++)
        (void)abi_unmap((u64)w->grant.range[i].host);
    unplace(w);
    w->grant = (struct grant){.ranges = 0};
    w->bytes = 0;
}
