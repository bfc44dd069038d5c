/* Time: sleeping takes its time, the real-time clock agrees, and interrupts arrive. */
#include "check.h"
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&t, &t) != 0)
        ;
}

bool check_sleep(char note[NOTE_SIZE])
{
    const double start = now();

    sleep_ms(1000);

    const double passed = now() - start;

    snprintf(note, NOTE_SIZE, "sleep 1 took %.3f s", passed);
    return passed >= 1.0 && passed < 1.2;
}

/* Waits until the clock's seconds change; false if they do not within 5 s. */
static bool wait_for_second(int rtc, double *when)
{
    struct rtc_time first, t;
    const double start = now();

    if (ioctl(rtc, RTC_RD_TIME, &first) != 0)
        return false;
    do {
        sleep_ms(4);
        if (ioctl(rtc, RTC_RD_TIME, &t) != 0 || now() - start > 5.0)
            return false;
        *when = now();
    } while (t.tm_sec == first.tm_sec);
    return true;
}

bool check_rtc(char note[NOTE_SIZE])
{
    const int rtc = open("/dev/rtc0", O_RDONLY);
    double first = 0, second = 0;

    if (rtc < 0) {
        snprintf(note, NOTE_SIZE, "there is no /dev/rtc0");
        return false;
    }

    const bool moved = wait_for_second(rtc, &first) && wait_for_second(rtc, &second);

    close(rtc);
    if (!moved)
        snprintf(note, NOTE_SIZE, "its seconds do not advance");
    else
        snprintf(note, NOTE_SIZE, "one of its seconds is %.3f s of the kernel's", second - first);
    return moved && second - first > 0.9 && second - first < 1.1;
}

/* Sum of all counters in /proc/interrupts. */
static unsigned long interrupt_count(void)
{
    FILE *file = fopen("/proc/interrupts", "r");
    unsigned long sum = 0;
    char line[512];

    while (file && fgets(line, sizeof(line), file)) {
        char *at = strchr(line, ':');

        if (!at)
            continue;
        for (at++;;) {
            char *end;
            const unsigned long count = strtoul(at, &end, 10);

            if (end == at)
                break;
            sum += count;
            at = end;
        }
    }
    if (file)
        fclose(file);
    return sum;
}

bool check_interrupts(char note[NOTE_SIZE])
{
    const unsigned long before = interrupt_count();

    sleep_ms(200);

    const unsigned long after = interrupt_count();

    snprintf(note, NOTE_SIZE, "/proc/interrupts went from %lu to %lu in 0.2 s", before, after);
    return after > before;
}
