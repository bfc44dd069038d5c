/* ACPI fixed hardware; see pm.h.  Pure. */
#include "vmm/dev/pm.h"
#include "lib/atomic.h"

// clang-format off
enum { STS_TIMER = BIT32(0), STS_BUTTON = BIT32(8) };
enum { EVENTS = STS_TIMER | BIT32(5) | STS_BUTTON | BIT32(10) }; /* timer, global, power button, RTC */
enum { CNT_SCI_EN = BIT32(0), CNT_BM_RLD = BIT32(1), CNT_SLP_TYP = 7u << 10, CNT_SLP_EN = BIT32(13) };
// clang-format on

#define CARRY_BIT 31 /* TMR_STS: the most significant bit of the timer has changed */

static void update(struct pm *p)
{
    p->sci = (p->status & p->enable & EVENTS) != 0;
    p->deadline = CLOCK_NEVER;
    if (!(p->enable & STS_TIMER) || p->sci)
        return;
    const u64 carry = ((p->clk >> CARRY_BIT) + 1) << CARRY_BIT;
    p->deadline = clock_when(&p->clock, carry);
}

void pm_init(struct pm *p, u64 tsc_hz, u64 now)
{
    *p = (struct pm){0};
    clock_init(&p->clock, PM_TIMER_HZ, tsc_hz, now);
    pm_reset(p, now);
}

void pm_reset(struct pm *p, u64 now)
{
    p->clk = clock_count(&p->clock, now);
    p->status = 0;
    p->enable = 0;
    p->control = CNT_SCI_EN;
    update(p);
}

void pm_tick(struct pm *p, u64 now)
{
    const u64 clk = clock_count(&p->clock, now);
    if ((clk ^ p->clk) >> CARRY_BIT)
        p->status |= STS_TIMER;
    p->clk = clk;
    update(p);
}

void pm_press_button(struct pm *p, u64 now)
{
    pm_tick(p, now);
    p->status |= STS_BUTTON;
    update(p);
}

bool pm_hears_button(const struct pm *p)
{
    return READ_ONCE(p->enable) & STS_BUTTON;
}

u32 pm_timer(const struct pm *p, u64 now)
{
    return (u32)clock_count(&p->clock, now);
}

u8 pm_read(const struct pm *p, u16 port)
{
    const u16 reg[4] = {p->status, p->enable, p->control, 0};
    return (u8)(reg[port >> 1 & 3] >> (port & 1 ? 8 : 0));
}

bool pm_write(struct pm *p, u16 port, u8 value, u64 now)
{
    const unsigned shift = port & 1 ? 8 : 0;
    const u16 bits = (u16)(value << shift), mask = (u16)(0xff << shift);
    pm_tick(p, now);
    switch (port & ~1) {
    case PM1_EVENT: p->status = (u16)(p->status & ~bits); break; /* ones clear */
    case PM1_EVENT + 2: p->enable = (u16)(((p->enable & ~mask) | bits) & EVENTS); break;
    case PM1_CONTROL:
        p->control = (u16)(((p->control & ~mask) | bits) & (CNT_BM_RLD | CNT_SLP_TYP));
        p->control |= CNT_SCI_EN;
        break;
    default: return false; /* reserved */
    }
    update(p);
    return port == PM1_CONTROL + 1 && (bits & CNT_SLP_EN) &&
           (p->control & CNT_SLP_TYP) == PM_SLP_TYP_S5 << 10;
}
