/* Ticks to nanoseconds as the paravirtual clock has it; see pvclock.h.  Pure. */
#include "vmm/pvclock.h"

#define NS_PER_SECOND 1000000000ull
#define MUL_NORMAL    BIT(31)
#define FRACTION_BITS 32

/* The quotient 10^9 / hz to 32 significant bits, by hand: the compiler's 128-bit division is a
 * library call.  Rounded down, by less than 0.5 ns a second: a guest that divides back for its
 * TSC's kilohertz then gets all of them, while rounding up would lose it one. */
struct pvclock_scale pvclock_scale(u64 hz)
{
    const u64 den = MIN(MAX(hz, 1ull), BIT(62));
    u64 quotient = NS_PER_SECOND / den, rest = NS_PER_SECOND % den;
    int shift = FRACTION_BITS;

    for (; quotient < MUL_NORMAL; shift--) {
        quotient <<= 1;
        rest <<= 1;
        if (rest >= den) {
            rest -= den;
            quotient |= 1;
        }
    }
    return (struct pvclock_scale){.mul = (u32)quotient, .shift = (int8_t)shift};
}

u64 pvclock_ns(const struct pvclock_scale *s, u64 ticks)
{
    const u64 shifted = s->shift >= 0 ? ticks << s->shift : ticks >> -s->shift;

    return (u64)((unsigned __int128)shifted * s->mul >> FRACTION_BITS);
}

void pvclock_start(struct pvclock *c, u64 tsc_hz, u64 epoch, u64 wall_time)
{
    *c = (struct pvclock){.scale = pvclock_scale(tsc_hz), .epoch = epoch, .wall_time = wall_time};
}

struct kvm_system_time pvclock_system_time(const struct pvclock *c, u64 tsc_offset)
{
    return (struct kvm_system_time){
        .tsc_timestamp = c->epoch + tsc_offset,
        .tsc_to_system_mul = c->scale.mul,
        .tsc_shift = c->scale.shift,
        .flags = KVM_CLOCK_STABLE,
    };
}

struct kvm_wall_clock pvclock_wall_clock(const struct pvclock *c)
{
    return (struct kvm_wall_clock){.sec = (u32)c->wall_time};
}
