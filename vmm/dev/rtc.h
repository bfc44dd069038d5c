/* The MC146818 real-time clock and 128 bytes of CMOS memory of a PC.
 * Motorola MC146818 data sheet.  Pure. */
#pragma once
#include "lib/types.h"
#include "vmm/dev/clock.h"

#define RTC_HZ 32768

struct rtc {
    struct clock clock;
    u64 clk;      /* RTC clock of the last rtc_tick() */
    u64 phase;    /* RTC clock at which a second began: the divider chain's reset */
    u64 alarm;    /* RTC clock of the next alarm; CLOCK_NEVER: none */
    u64 deadline; /* TSC of the next enabled interrupt */
    bool irq;     /* IRQF: the level of IRQ 8 */
    u8 index;
    u8 cmos[128];
};

/* wall_time: seconds since 1970-01-01 UTC at `now`; memory: bytes of RAM. */
void rtc_init(struct rtc *r, u64 tsc_hz, u64 now, u64 wall_time, u64 memory);
void rtc_reset(struct rtc *r, u64 now); /* the RESET pin: time and memory stay */

/* port: 0x70, 0x71. */
u8 rtc_read(struct rtc *r, u16 port, u64 now);
void rtc_write(struct rtc *r, u16 port, u8 value, u64 now);

/* Counts the seconds, sets the flags of register C, updates irq and deadline. */
void rtc_tick(struct rtc *r, u64 now);
