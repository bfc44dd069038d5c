/* Time; see clock.h.  SDM Vol. 2A, "CPUID", leaf 15H; Vol. 3B, "Time-Stamp Counter"; UEFI
 * Specification, "GetTime()". */
#include "boot/clock.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "boot/clock_choice.h"
#include "boot/console.h"
#include "boot/firmware.h"

#define LEAF_TSC        0x15u
#define MEASURE_US      50000u
#define US_PER_SECOND   1000000u
#define SECONDS_PER_DAY 86400u

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

/* TSC ticks in PIT_COUNT ticks of the PIT, without the firmware's interrupts; 0: the PIT does not
 * count. */
static u64 measure_once(void)
{
    const bool open = read_rflags() & RFLAGS_IF;
    const u8 port_b = inb(PORT_B) & (u8) ~(PORT_B_GATE2 | PORT_B_SPEAKER);
    u64 ticks = 0;

    cli();
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
    if (open)
        sti();
    return ticks;
}

/* The median: one try that an SMI stretched does not count.  0: there is no PIT, or its clock is
 * off, as laptops have it; one try has shown that. */
static u64 from_pit(void)
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
    if (cpuid(0, 0).eax < LEAF_TSC)
        return 0;

    const struct cpuid_regs r = cpuid(LEAF_TSC, 0);

    return r.eax == 0 ? 0 : (u64)r.ecx * r.ebx / r.eax;
}

static u64 from_firmware(void)
{
    const u64 start = rdtsc();

    if (fw.boot->Stall(MEASURE_US) != EFI_SUCCESS)
        return 0;
    return (rdtsc() - start) * (US_PER_SECOND / MEASURE_US);
}

static err_t read_tsc(struct boot_info *info)
{
    struct clock_figures f = {.pit = from_pit(), .cpuid = from_cpuid()};
    const char *source;

    if (f.cpuid == 0)
        f.firmware = from_firmware();
    info->tsc_hz = clock_choose(&f, &source);
    if (info->tsc_hz == 0)
        return refuse(E_IO, "no way to learn the frequency of the time-stamp counter");
    if (info->config.log_level >= CONFIG_LOG_INFO)
        say("tsc: %lu kHz (%s; PIT %lu, CPUID %lu, firmware %lu kHz)\n", info->tsc_hz / 1000,
            source, f.pit / 1000, f.cpuid / 1000, f.firmware / 1000);
    return OK;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar.  Counting years from March puts the
 * leap day at a year's end. */
static u64 days_since_1970(u64 year, u64 month, u64 day)
{
    const u64 y = month <= 2 ? year - 1 : year;
    const u64 month_from_march = (month + 9) % 12;
    const u64 days_before_month = (153 * month_from_march + 2) / 5;
    const u64 days_to_1970 = 719468; /* from 0000-03-01 */

    return 365 * y + y / 4 - y / 100 + y / 400 + days_before_month + day - 1 - days_to_1970;
}

/* Seconds since 1970-01-01 UTC; 0: the firmware does not know. */
static u64 wall_time(void)
{
    EFI_TIME t = {0};

    if (fw.system->RuntimeServices->GetTime(&t, NULL) != EFI_SUCCESS)
        return 0;
    if (t.Year < 1971 || t.Year > 9999 || t.Month < 1 || t.Month > 12 || t.Day < 1 || t.Day > 31 ||
        t.Hour > 23 || t.Minute > 59 || t.Second > 59)
        return 0;

    const u64 local = days_since_1970(t.Year, t.Month, t.Day) * SECONDS_PER_DAY + t.Hour * 3600u +
                      t.Minute * 60u + t.Second;

    /* UTC = local time + TimeZone minutes.  A firmware that names no zone is taken to keep UTC. */
    if (t.TimeZone < -1440 || t.TimeZone > 1440)
        return local;
    return local + (u64)(i64)t.TimeZone * 60u;
}

err_t clock_read(struct boot_info *info)
{
    TRY(read_tsc(info));
    info->wall_time = wall_time();
    info->wall_tsc = rdtsc();
    return OK;
}
