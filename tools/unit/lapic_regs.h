/* The local APIC's registers by name, for its unit tests. */
#pragma once
#include "vmm/dev/lapic.h"
#include <string.h>

// clang-format off
enum {
    ID = 0x20, VERSION = 0x30, TPR = 0x80, APR = 0x90, PPR = 0xa0, EOI = 0xb0, RRD = 0xc0,
    LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280,
    ICR_LOW = 0x300, ICR_HIGH = 0x310, TIMER = 0x320, THERMAL = 0x330, PERFMON = 0x340,
    LINT0 = 0x350, LINT1 = 0x360, ERROR = 0x370, TMICT = 0x380, TMCCT = 0x390, TDCR = 0x3e0,
};
enum { SEND_ILLEGAL = 0x20, RECEIVED_ILLEGAL = 0x40, ILLEGAL_REGISTER = 0x80 };
enum { MASKED = 0x10000, PERIODIC = 0x20000, SELF = 0x40000, ALL = 0x80000, OTHERS = 0xc0000 };
// clang-format on

#define NEVER (~0ull)

static inline struct lapic fresh(void)
{
    struct lapic l;
    memset(&l, 0xa5, sizeof(l));
    lapic_reset(&l, 3);
    return l;
}

static inline u32 rd(struct lapic *l, u32 offset)
{
    return lapic_read(l, offset, 0);
}

static inline void wr(struct lapic *l, u32 offset, u32 value)
{
    lapic_write(l, offset, value, 0);
}

/* Whether the message with this destination is for it; 8 bits. */
static inline bool is_for(const struct lapic *l, u32 destination, bool logical)
{
    return lapic_is_destination(
        l, &(struct apic_message){.destination = destination, .logical = logical}, NULL);
}

/* As the only one: what it sends comes back, if it is for itself. */
static inline void send_all(struct lapic *l)
{
    struct apic_message m;
    while (lapic_take_ipi(l, &m))
        if (lapic_is_destination(l, &m, l))
            lapic_message(l, &m);
}

/* Latches the errors since the last time. */
static inline u32 errors(struct lapic *l)
{
    wr(l, ESR, 0);
    return rd(l, ESR);
}
