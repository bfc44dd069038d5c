/* The arithmetic of the paravirtual clock (abi/kvm.h): nanoseconds since a guest's boot, which the
 * guest computes from its own TSC.  The line that it computes is one and the same for as long as
 * the guest lives, on all virtual processors and after each update, since it is anchored at the
 * guest's boot alone: so time never goes back.  Pure. */
#pragma once
#include "abi/kvm.h"
#include "lib/types.h"

/* ns = (ticks shifted by `shift`) * mul / 2^32, rounded down. */
struct pvclock_scale {
    u32 mul; /* 2^31 or more */
    int8_t shift;
};

struct pvclock {
    struct pvclock_scale scale;
    u64 epoch;     /* TSC of the host at which system time is 0 */
    u64 wall_time; /* ... in seconds since 1970-01-01 UTC */
};

/* hz: of the TSC; 0 counts as 1, more than 2^62 as 2^62. */
struct pvclock_scale pvclock_scale(u64 hz);
/* As a guest computes it, for five centuries. */
u64 pvclock_ns(const struct pvclock_scale *s, u64 ticks);

/* epoch: TSC of the host. */
void pvclock_start(struct pvclock *c, u64 tsc_hz, u64 epoch, u64 wall_time);
/* For a guest whose TSC is the host's + tsc_offset.  The version is the caller's. */
struct kvm_system_time pvclock_system_time(const struct pvclock *c, u64 tsc_offset);
struct kvm_wall_clock pvclock_wall_clock(const struct pvclock *c);
