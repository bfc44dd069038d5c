/* Time; see clock.h.  SDM Vol. 2A, "CPUID", leaf 15H; UEFI Specification, "GetTime()". */
#include "boot/clock.h"
#include "arch/x86_64/insn.h"
#include "boot/firmware.h"

#define LEAF_TSC        0x15u
#define MEASURE_US      50000u
#define US_PER_SECOND   1000000u
#define SECONDS_PER_DAY 86400u

u64 clock_tsc_hz(void)
{
    if (cpuid(0, 0).eax >= LEAF_TSC) {
        const struct cpuid_regs r = cpuid(LEAF_TSC, 0); /* EBX / EAX times a crystal of ECX Hz */

        if (r.eax != 0 && r.ebx != 0 && r.ecx != 0)
            return (u64)r.ecx * r.ebx / r.eax;
    }

    const u64 start = rdtsc();

    if (fw.boot->Stall(MEASURE_US) != EFI_SUCCESS)
        return 0;
    return (rdtsc() - start) * (US_PER_SECOND / MEASURE_US);
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

u64 clock_wall_time(void)
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
