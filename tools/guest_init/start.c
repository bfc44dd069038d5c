/* The guest's first program (/init).  Its first instructions read the time-stamp
 * counter, so that tools/bench.py knows when userspace began; with `ledger=on` on the kernel's
 * command line it marks the end of the boot (include/abi/ledger.h); then it becomes
 * busybox init.  No C library: nothing may run before the counter is read. */
#include "abi/ledger.h"
#include <asm/unistd.h>

static long call(long number, long a, long b, long c)
{
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

/* What the kernel does not know, `key=value`, is in the first program's environment. */
static bool has(char *const *env, const char *wanted)
{
    for (; *env; env++)
        for (unsigned int i = 0; (*env)[i] == wanted[i]; i++)
            if (!wanted[i])
                return true;
    return false;
}

static void mark_end_of_boot(void)
{
    if (call(__NR_ioperm, LEDGER_PORT, 1, 1) == 0)
        __asm__ volatile("outb %0, %1"
                         :
                         : "a"((u8)(LEDGER_END | LEDGER_OP_boot)), "d"((u16)LEDGER_PORT));
}

/* stack: as the kernel leaves it; argc, argv, NULL, environment, NULL. */
__attribute__((noreturn, used)) static void start(unsigned long tsc, long *stack)
{
    static const char ledger[] = "ledger=on";
    static const char name[] = "LINTEL-MARK userspace tsc=";
    static char *const argv[] = {"/sbin/init", 0};
    static char *env[] = {"PATH=/bin:/sbin", "HOME=/root", "TERM=vt102", 0, 0};
    char line[64], digits[20];
    unsigned int len = 0, count = 0;

    if (has((char *const *)(stack + 1 + *stack + 1), ledger)) {
        mark_end_of_boot();
        env[sizeof(env) / sizeof(env[0]) - 2] = (char *)ledger;
    }
    while (name[len]) {
        line[len] = name[len];
        len++;
    }
    do {
        digits[count++] = (char)('0' + tsc % 10);
        tsc /= 10;
    } while (tsc);
    while (count)
        line[len++] = digits[--count];
    line[len++] = '\n';

    call(__NR_write, 1, (long)line, (long)len);
    call(__NR_execve, (long)argv[0], (long)argv, (long)env);
    call(__NR_exit, 1, 0, 0);
    __builtin_unreachable();
}

__asm__(".globl _start\n"
        "_start:\n"
        "    rdtsc\n"
        "    shl $32, %rdx\n"
        "    lea (%rdx, %rax), %rdi\n"
        "    mov %rsp, %rsi\n"
        "    and $-16, %rsp\n"
        "    call start\n");
