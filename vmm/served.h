/* What the control partition serves a guest: the ranges whose accesses it gets, the doorbells, the
 * levels of interrupt lines, and the memory that the guest has granted.  Pure data.
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

struct served_range {
    u32 space; /* enum abi_space; 0: free */
    u64 first, last;
};

struct served_bell {
    u32 space; /* as above */
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
    u32 ranges, bells; /* entries that were ever used: all that has to be looked at */
    u32 slot;          /* of its first virtual CPU, the others follow; SERVED_NONE: not served */
    u32 lines;         /* levels of its interrupt lines that it is to take; atomic */
    struct served_range range[SERVED_RANGES];
    struct served_bell bell[SERVED_BELLS];
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
