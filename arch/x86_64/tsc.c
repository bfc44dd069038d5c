/* The time-stamp counter as the clock of everything.  SDM Vol. 3B, "Time-Stamp Counter". */
#include "arch/x86_64/tsc.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/panic.h"

u64 tsc_hz;

void tsc_init(u64 hz)
{
    if (hz == 0)
        panic("tsc: the loader does not tell the frequency of the time-stamp counter");
    tsc_hz = hz;
    log_set_clock(hz);
}

void tsc_delay_us(u64 microseconds)
{
    const u64 start = rdtsc();
    /* Seconds and the rest apart: no overflow below 584 years. */
    const u64 ticks = microseconds / 1000000 * tsc_hz + microseconds % 1000000 * tsc_hz / 1000000;

    while (rdtsc() - start < ticks)
        cpu_pause();
}
