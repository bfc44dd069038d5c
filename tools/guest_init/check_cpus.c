/* The self-check's view of the processors: as many as `lintel.cpus=N` on the kernel's command line
 * says, each can be taken away and given back, and each runs what is pinned to it. */
#define _GNU_SOURCE
#include "check.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CPUS_MAX     64
#define BUSY_SECONDS 0.2

/* 1 without that word. */
static int wanted_cpus(void)
{
    static const char word[] = "lintel.cpus=";
    char line[1024] = "";
    FILE *file = fopen("/proc/cmdline", "r");
    const char *at = file && fgets(line, sizeof(line), file) ? strstr(line, word) : NULL;

    if (file)
        fclose(file);
    return at ? atoi(at + sizeof(word) - 1) : 1;
}

static int listed_cpus(void)
{
    char line[1024];
    FILE *file = fopen("/proc/cpuinfo", "r");
    int count = 0;

    while (file && fgets(line, sizeof(line), file))
        count += strncmp(line, "processor\t", 10) == 0;
    if (file)
        fclose(file);
    return count;
}

bool check_cpus(char note[NOTE_SIZE])
{
    const int wanted = wanted_cpus(), listed = listed_cpus();
    const long online = sysconf(_SC_NPROCESSORS_ONLN);

    snprintf(note, NOTE_SIZE, "%d listed, %ld online, %d wanted", listed, online, wanted);
    return listed == wanted && online == wanted;
}

static bool set_online(int cpu, bool on)
{
    char name[80];
    FILE *file;
    bool good;

    snprintf(name, sizeof(name), "/sys/devices/system/cpu/cpu%d/online", cpu);
    file = fopen(name, "w");
    if (!file)
        return false;
    good = fputs(on ? "1" : "0", file) >= 0;
    return fclose(file) == 0 && good;
}

/* Twice each: INIT and STARTUP must start a processor again that ran before. */
bool check_hotplug(char note[NOTE_SIZE])
{
    const int count = wanted_cpus();

    for (int i = 0; i < 2 * (count - 1); i++) {
        const int cpu = 1 + i % (count - 1);

        if (!set_online(cpu, false) || listed_cpus() != count - 1 || !set_online(cpu, true) ||
            listed_cpus() != count) {
            snprintf(note, NOTE_SIZE, "CPU %d, turn %d: %d listed", cpu, i / (count - 1),
                     listed_cpus());
            return false;
        }
    }
    snprintf(note, NOTE_SIZE, "%d taken away and given back, twice", count - 1);
    return true;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static volatile unsigned long *turns;

/* Stays where it was put, and the time that all CPUs see does not go back. */
static bool work_pinned(int cpu)
{
    cpu_set_t set;
    double last = seconds();
    const double end = last + BUSY_SECONDS * wanted_cpus();

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        return false;
    while (last < end) {
        const double now = seconds();

        if (now < last || sched_getcpu() != cpu)
            return false;
        last = now;
        turns[cpu]++;
    }
    return true;
}

bool check_pinned(char note[NOTE_SIZE])
{
    const int count = wanted_cpus();
    unsigned long least = ~0ul;
    bool good;

    turns = mmap(NULL, CPUS_MAX * sizeof(*turns), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (turns == MAP_FAILED || count > CPUS_MAX)
        return false;
    good = in_processes(count, work_pinned);
    for (int cpu = 0; cpu < count; cpu++)
        if (turns[cpu] < least)
            least = turns[cpu];
    snprintf(note, NOTE_SIZE, "%d busy processes, one for each; the slowest made %lu turns", count,
             least);
    return good && least > 100;
}
