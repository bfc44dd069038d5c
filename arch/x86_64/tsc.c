/* The frequency of the time-stamp counter, measured.  SDM Vol. 3B, "Time-Stamp Counter";
 * Vol. 2A, "CPUID" leaf 15H. */
#include "arch/x86_64/tsc.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/panic.h"

/* 8254 counter 2: its gate and output are in port 0x61, so it needs no interrupt. */
#define PIT_HZ           1193182ull
#define PIT_COUNTER2     0x42u
#define PIT_CONTROL      0x43u
#define PIT_MODE0_LOHI_2 0xb0u /* counter 2, low then high byte, interrupt on terminal count */
#define PORT_B           0x61u
#define PORT_B_GATE2     0x01u
#define PORT_B_SPEAKER   0x02u
#define PORT_B_OUT2      0x20u

#define PIT_COUNT        11932ull /* 10 ms */
#define TRIES            3u
#define POLLS_MAX        1000000u /* a port access takes about 1 us, and some instructions emulated */

u64 tsc_hz;

/* TSC ticks in PIT_COUNT ticks of the PIT; 0: the PIT does not count. */
static u64 measure_once(void)
{
    const u8 port_b = inb(PORT_B) & (u8) ~(PORT_B_GATE2 | PORT_B_SPEAKER);
    u64 ticks = 0;

    outb(PORT_B, port_b);
    outb(PIT_CONTROL, PIT_MODE0_LOHI_2);
    outb(PIT_COUNTER2, PIT_COUNT & 0xff);
    outb(PIT_COUNTER2, PIT_COUNT >> 8);

    const u64 start = rdtsc();

    outb(PORT_B, port_b | PORT_B_GATE2);
    for (u32 i = 0; i < POLLS_MAX; i++)
        if (inb(PORT_B) & PORT_B_OUT2) {
            ticks = rdtsc() - start;
            break;
        }
    outb(PORT_B, port_b);
    return ticks;
}

/* The median: one try that an SMI stretched does not count.  0: there is no PIT, or its clock is
 * off, as laptops have it; one try has shown that. */
static u64 measure(void)
{
    u64 t[TRIES];

    for (unsigned i = 0; i < TRIES; i++) {
        t[i] = measure_once();
        if (t[i] == 0)
            return 0;
    }

    const u64 low = MIN(t[0], t[1]), high = MAX(t[0], t[1]);

    return MAX(low, MIN(high, t[2])) * PIT_HZ / PIT_COUNT;
}

/* Crystal frequency times ratio; 0 where the CPU does not say all three. */
static u64 from_cpuid(void)
{
    if (cpuid(0, 0).eax < 0x15)
        return 0;

    const struct cpuid_regs r = cpuid(0x15, 0);

    return r.eax == 0 ? 0 : (u64)r.ecx * r.ebx / r.eax;
}

static bool within_1_percent(u64 a, u64 b)
{
    return (a > b ? a - b : b - a) <= b / 100;
}

void tsc_init(u64 hint_hz)
{
    const u64 measured = measure();
    const u64 claimed = from_cpuid();
    const char *source = "PIT";

    tsc_hz = measured;
    if (measured != 0 && within_1_percent(claimed, measured)) {
        tsc_hz = claimed;
        source = "CPUID leaf 0x15";
    } else if (measured != 0 && within_1_percent(hint_hz, measured)) {
        tsc_hz = hint_hz;
        source = "loader";
    } else if (measured == 0) {
        /* No PIT: the loader measured against the firmware's clock, CPUID only claims. */
        tsc_hz = hint_hz != 0 ? hint_hz : claimed;
        source = "unverified claim";
    }
    if (tsc_hz == 0)
        panic("tsc: no way to learn the frequency of the time-stamp counter");
    log_set_clock(tsc_hz);
    log_info("tsc: %lu kHz (%s; measured %lu, CPUID %lu, loader %lu kHz)", tsc_hz / 1000, source,
             measured / 1000, claimed / 1000, hint_hz / 1000);
}

void tsc_delay_us(u64 microseconds)
{
    const u64 start = rdtsc();
    /* Seconds and the rest apart: no overflow below 584 years. */
    const u64 ticks = microseconds / 1000000 * tsc_hz + microseconds % 1000000 * tsc_hz / 1000000;

    while (rdtsc() - start < ticks)
        cpu_pause();
}
