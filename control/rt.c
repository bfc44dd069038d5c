/* See rt.h.  SDM Vol. 3A, "64-Bit Mode IDT". */
#include "control/rt.h"
#include "lib/fmt.h"
#include "lib/mem.h"
#include <stdarg.h>

#define EXCEPTIONS  32u
#define SEL_CODE    8u
#define GATE_64     0x8e00u /* present, DPL 0, interrupt gate */
#define LINE_MAX    200u
#define GUARD_WORDS 0x595e9fbd94fda766ull

volatile struct abi_info *info;

/* Of exceptions.asm. */
extern const u64 exception_stub[EXCEPTIONS];
NORETURN void on_exception(u64 vector, u64 error, u64 rip);

/* What the compiler puts between a function's arrays and its return address. */
extern u64 __stack_chk_guard;
__attribute__((used)) u64 __stack_chk_guard = GUARD_WORDS;
NORETURN __attribute__((used)) void __stack_chk_fail(void);

static struct {
    u64 low, high;
} idt[EXCEPTIONS] __attribute__((aligned(16)));

/* ------------------------------------------------------------ the end */

NORETURN void die(const char *why)
{
    say("dies: %s", why);
    for (;;)
        __asm__ volatile("cli; hlt");
}

void __stack_chk_fail(void)
{
    die("a function has written beyond its stack frame");
}

void on_exception(u64 vector, u64 error, u64 rip)
{
    say("exception %llu, error 0x%llx, at 0x%llx", (unsigned long long)vector,
        (unsigned long long)error, (unsigned long long)rip);
    die("an exception");
}

static void catch_exceptions(void)
{
    const struct {
        u16 limit;
        u64 base;
    } PACKED pointer = {sizeof(idt) - 1, (u64)idt};

    for (u32 i = 0; i < EXCEPTIONS; i++) {
        const u64 stub = exception_stub[i];

        idt[i].low =
            (stub & 0xffff) | SEL_CODE << 16 | (u64)GATE_64 << 32 | (stub >> 16 & 0xffff) << 48;
        idt[i].high = stub >> 32;
    }
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

/* ------------------------------------------------------------ log, time */

#define LINKED 0xffffffff80000000ull

static struct said *kept;

void rt_keep(struct said *said)
{
    kept = said;
}

u64 rt_physical(const volatile void *p)
{
    return (u64)p >= LINKED ? (u64)p - LINKED + info->image : (u64)p;
}

void say(const char *format, ...)
{
    char line[LINE_MAX];
    va_list args;
    size_t len;

    va_start(args, format);
    len = fmt_vbuf(line, sizeof(line), format, args);
    va_end(args);
    len = MIN(len, sizeof(line) - 1);
    if (kept)
        said_add(kept, line, len);
    (void)abi_log(rt_physical(line), len);
}

u64 time_now(void)
{
    u32 low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

u64 time_ms(u64 ms)
{
    return ms * (info->tsc_hz / 1000);
}

/* ------------------------------------------------------------ signs of life */

#define LIFE_SIGN_MS 100u

static u64 missed;

void rt_alive(void)
{
    static u64 next_sign;
    const u64 now = time_now();

    if (now < next_sign)
        return;
    next_sign = now + time_ms(LIFE_SIGN_MS);
    missed |= (u64)abi_wait(0);
}

u64 rt_missed(void)
{
    const u64 news = missed;

    missed = 0;
    return news;
}

void rt_init(volatile struct abi_info *at)
{
    info = at;
    catch_exceptions();
}
