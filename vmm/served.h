/* What the control partition serves a guest: the ranges whose accesses it gets, the doorbells, the
 * levels of interrupt lines, and the memory that the guest has granted.  Pure.
 * Owner: the guest's struct vm.  Written with boundary.lock; the guest's virtual CPUs read ranges
 * and doorbells without it: an entry is complete before its `space` says that it is there. */
#pragma once
#include "abi/control.h"
#include "lib/atomic.h"
#include "lib/types.h"

#define SERVED_RANGES 16u
#define SERVED_BELLS  64u
#define SERVED_GRANTS 8u
#define SERVED_NONE   0xffffffffu
#define SERVED_GONE   0xffffffffu /* space of a bell that is no more: others may lie behind it */

struct served_range {
    u32 space; /* enum abi_space; 0: free */
    u64 first, last;
};

/* In a claimed range, for as long as that is claimed. */
struct served_bell {
    u32 space; /* as above, or SERVED_GONE */
    u32 bytes; /* 0: any */
    bool has_value;
    u32 port;
    u64 address, value;
};

struct served_grant {
    gpa_t first;
    u64 len; /* bytes; 0: free */
};

struct served {
    u32 ranges; /* entries that were ever used: all that has to be looked at */
    u32 slot;   /* of its first virtual CPU, the others follow; SERVED_NONE: not served */
    u32 lines;  /* levels of its interrupt lines that it is to take; atomic */
    struct served_range range[SERVED_RANGES];
    struct served_bell bell[SERVED_BELLS]; /* at served_bell_place() or behind, without a gap */
    struct served_grant grant[SERVED_GRANTS];
};

/* All bytes of an access lie in one range. */
static inline bool served_range_has(const struct served *s, u32 space, u64 address, u32 bytes)
{
    const u32 count = READ_ONCE(s->ranges);

    for (u32 i = 0; i < count; i++) {
        const struct served_range *r = &s->range[i];

        if (load_acquire(&r->space) == space && address >= r->first && address <= r->last &&
            bytes - 1 <= r->last - address)
            return true;
    }
    return false;
}

/* Doorbells are four bytes apart, those of devices some pages. */
static inline u32 served_bell_place(u64 address)
{
    return (u32)(address ^ address >> 8) / 4 % SERVED_BELLS;
}

/* What a write rings; NULL: nothing.  Of *value the lowest `bytes` bytes count; NULL: it is not
 * known. */
static inline const struct served_bell *served_bell_of(const struct served *s, u32 space,
                                                       u64 address, u32 bytes, const u64 *value)
{
    const u32 first = served_bell_place(address);
    u32 at = first;

    do {
        const struct served_bell *b = &s->bell[at];
        const u32 there = load_acquire(&b->space);

        if (there == 0)
            break;
        if (b->address == address && there == space && (b->bytes == 0 || b->bytes == bytes) &&
            (!b->has_value || (value && b->value == (*value & ~0ull >> (64 - 8 * bytes)))))
            return b;
        at = (at + 1) % SERVED_BELLS;
    } while (at != first);
    return NULL;
}
