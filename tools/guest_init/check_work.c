/* Steady work on all processors, until somebody types a byte: each has a process of its own, whose
 * every round has a result that is known.  Every two seconds a line says how far each has come. */
#define _GNU_SOURCE
#include "check.h"
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CPUS_MAX    8
#define SEEDS       16
#define AREA        (256ul << 10) /* bytes that a round writes and reads */
#define WORDS       (AREA / sizeof(unsigned long))
#define FLOAT_EVERY 8 /* rounds */
#define LINE_MS     2000

static struct progress {
    volatile unsigned long rounds, wrong;
} * progress;

static unsigned long known[SEEDS]; /* sums */
static int cpus;

/* The words of a seed are never in memory here: what a round reads is compared with this. */
static unsigned long sum_of(unsigned long seed)
{
    unsigned long state = seed, sum = 0;

    for (size_t i = 0; i < WORDS; i++)
        sum = sum * 3 + next_random(&state);
    return sum;
}

/* In pages that are new each time. */
static bool memory_holds(unsigned long seed, unsigned long expected)
{
    unsigned long *area =
        mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long state = seed, sum = 0;

    if (area == MAP_FAILED)
        return false;
    for (size_t i = 0; i < WORDS; i++)
        area[i] = next_random(&state);
    __asm__ volatile("" : : "r"(area) : "memory");
    for (size_t i = 0; i < WORDS; i++)
        sum = sum * 3 + area[i];
    munmap(area, AREA);
    return sum == expected;
}

static bool round_holds(int cpu, unsigned long number)
{
    const unsigned long which = number % SEEDS;

    return memory_holds(which + 1, known[which]) && sched_getcpu() == cpu &&
           (number % FLOAT_EVERY != 0 || (series_holds(cpu) && vectors_hold(cpu)));
}

static void work_on(int cpu)
{
    struct progress *p = &progress[cpu];
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        p->wrong++;
    for (;;) {
        if (!round_holds(cpu, p->rounds))
            p->wrong++;
        p->rounds++;
    }
}

static bool start(pid_t *workers)
{
    char note[NOTE_SIZE];

    cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    progress = mmap(NULL, CPUS_MAX * sizeof(*progress), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED || cpus > CPUS_MAX || !check_float(note)) /* it makes the sums */
        return false;
    for (unsigned long i = 0; i < SEEDS; i++)
        known[i] = sum_of(i + 1);
    fflush(stdout);
    for (int cpu = 0; cpu < cpus; cpu++) {
        workers[cpu] = fork();
        if (workers[cpu] == 0)
            work_on(cpu);
        if (workers[cpu] < 0)
            return false;
    }
    return true;
}

/* `LINTEL-WORK rounds=A,B wrong=N`; true if there is nothing wrong. */
static bool say(void)
{
    unsigned long wrong = 0;

    printf("LINTEL-WORK rounds=");
    for (int cpu = 0; cpu < cpus; cpu++) {
        printf("%s%lu", cpu ? "," : "", progress[cpu].rounds);
        wrong += progress[cpu].wrong;
    }
    printf(" wrong=%lu\n", wrong);
    fflush(stdout);
    return wrong == 0;
}

/* A single byte, without a line's end. */
static void take_bytes(void)
{
    struct termios mode;

    if (tcgetattr(STDIN_FILENO, &mode) != 0)
        return;
    mode.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

bool check_work(char note[NOTE_SIZE])
{
    struct pollfd typed = {.fd = STDIN_FILENO, .events = POLLIN};
    pid_t workers[CPUS_MAX];
    unsigned long least = ~0ul;
    bool good;

    if (!start(workers)) {
        snprintf(note, NOTE_SIZE, "%d processors: it cannot begin", cpus);
        return false;
    }
    take_bytes();
    do
        good = say();
    while (poll(&typed, 1, LINE_MS) == 0);
    for (int cpu = 0; cpu < cpus; cpu++) {
        kill(workers[cpu], SIGKILL);
        waitpid(workers[cpu], NULL, 0);
        if (progress[cpu].rounds < least)
            least = progress[cpu].rounds;
    }
    good = say() && good;
    snprintf(note, NOTE_SIZE, "%d processes, one for each processor; at least %lu rounds", cpus,
             least);
    return good && least > 0;
}
