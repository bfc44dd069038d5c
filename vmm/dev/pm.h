/* ACPI fixed hardware: PM1a event and control blocks, the power management timer.
 * Always in ACPI mode.  ACPI Specification, 4.8 "ACPI Register Model".  Pure. */
#pragma once
#include "lib/types.h"
#include "pc.h"
#include "vmm/dev/clock.h"

#define PM_TIMER_HZ 3579545

struct pm {
    struct clock clock;
    u64 clk; /* PM timer of the last pm_tick() */
    u16 status, enable, control;
    u64 deadline; /* TSC of the next enabled timer carry */
    bool sci;     /* level of IRQ 9 */
};

void pm_init(struct pm *p, u64 tsc_hz, u64 now);
void pm_reset(struct pm *p, u64 now);

/* A byte of 0x600..0x607. pm_write: true if the guest asks for S5 (power off). */
u8 pm_read(const struct pm *p, u16 port);
bool pm_write(struct pm *p, u16 port, u8 value, u64 now);

/* The 32-bit free-running counter. */
u32 pm_timer(const struct pm *p, u64 now);

/* The power button, which is a fixed one (FADT). */
void pm_press_button(struct pm *p, u64 now);
bool pm_hears_button(const struct pm *p); /* the guest has enabled it */

void pm_tick(struct pm *p, u64 now); /* brings status, sci and deadline up to now */
