/* The guest's first program (/init).  Its first instructions read the time-stamp
 * counter, so that tools/bench_boot.py knows when userspace began; then it becomes
 * busybox init.  No C library: nothing may run before the counter is read. */
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

__attribute__((noreturn, used)) static void start(unsigned long tsc)
{
    static const char name[] = "LINTEL-MARK userspace tsc=";
    static char *const argv[] = {"/sbin/init", 0};
    static char *const env[] = {"PATH=/bin:/sbin", "HOME=/root", "TERM=vt102", 0};
    char line[64], digits[20];
    unsigned int len = 0, count = 0;

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
        "    and $-16, %rsp\n"
        "    call start\n");
