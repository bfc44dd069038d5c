/* Operations for Lintel's ledger (include/abi/ledger.h): each is done many times between two marks,
 * and Lintel's log says at the guest's end how many VM exits one of them took.  Run by /etc/rc when
 * the kernel's command line has `ledger=on`. */
#include "abi/ledger.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define TICKS       100
#define ROUND_TRIPS 500
#define PAGES       4096
#define CALLS       10000
#define LINES       16
#define LINE_LENGTH 64

static void begin(u32 op)
{
    outb((unsigned char)op, LEDGER_PORT);
}

static void end(u32 op, u32 times)
{
    outl(LEDGER_END | op | times << LEDGER_TIMES_SHIFT, LEDGER_PORT);
}

static long coarse_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &t); /* advances at a tick; no system call, no exit */
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Busy until so many ticks have come. */
static bool timer_ticks(void)
{
    struct timespec tick;
    long start, now;

    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0 || tick.tv_nsec <= 0)
        return false;
    now = coarse_clock();
    while ((start = coarse_clock()) == now)
        ;
    begin(LEDGER_OP_timer_tick);
    while ((now = coarse_clock()) - start < TICKS * tick.tv_nsec)
        ;
    end(LEDGER_OP_timer_tick, (u32)((now - start) / tick.tv_nsec));
    return true;
}

static void echo(int from, int to)
{
    char byte;

    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
        ;
    _exit(0);
}

/* One byte to and fro between two processes of one processor: two switches a round. */
static bool context_switches(void)
{
    int there[2], back[2];
    char byte = 0;
    u32 rounds = 0;

    if (pipe(there) != 0 || pipe(back) != 0)
        return false;
    if (fork() == 0) {
        close(there[1]);
        close(back[0]);
        echo(there[0], back[1]);
    }
    begin(LEDGER_OP_context_switch);
    while (rounds < ROUND_TRIPS && write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1)
        rounds++;
    end(LEDGER_OP_context_switch, 2 * rounds);
    close(there[1]);
    wait(NULL);
    return rounds == ROUND_TRIPS;
}

static bool page_faults(void)
{
    const size_t size = (size_t)PAGES << 12;
    volatile char *area =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (area == MAP_FAILED)
        return false;
    madvise((void *)area, size, MADV_NOHUGEPAGE); /* fails on a kernel without huge pages */
    begin(LEDGER_OP_page_fault);
    for (size_t at = 0; at < size; at += 4096)
        area[at] = 1;
    end(LEDGER_OP_page_fault, PAGES);
    munmap((void *)area, size);
    return true;
}

static bool syscalls(void)
{
    begin(LEDGER_OP_syscall);
    for (int i = 0; i < CALLS; i++)
        syscall(SYS_getppid);
    end(LEDGER_OP_syscall, CALLS);
    return true;
}

static bool console_chars(void)
{
    const int tty = open("/dev/ttyS0", O_WRONLY | O_NOCTTY);
    char line[LINE_LENGTH];
    u32 written = 0;

    if (tty < 0)
        return false;
    memset(line, '.', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    tcdrain(tty);
    begin(LEDGER_OP_console_char);
    for (int i = 0; i < LINES; i++)
        written += write(tty, line, sizeof(line)) == sizeof(line) ? LINE_LENGTH : 0;
    tcdrain(tty);
    end(LEDGER_OP_console_char, written);
    close(tty);
    return written == LINES * LINE_LENGTH;
}

static const struct {
    const char *name;
    bool (*run)(void);
} operations[] = {
    {"timer tick", timer_ticks}, {"context switch", context_switches}, {"page fault", page_faults},
    {"system call", syscalls},   {"console character", console_chars},
};

int main(void)
{
    int failed = 0;

    if (ioperm(LEDGER_PORT, 4, 1) != 0) {
        printf("not ok ledger: no access to port 0x%x\n", LEDGER_PORT);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        const bool good = operations[i].run();

        failed += !good;
        printf("%s ledger: %s\n", good ? "ok" : "not ok", operations[i].name);
        fflush(stdout);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
