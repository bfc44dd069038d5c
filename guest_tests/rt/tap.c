/* Runs the tests of an image and reports: TAP (testanything.org) on COM1, then the
 * number of failed tests to the debug-exit port. */
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/rt.h"
#include "guest_tests/rt/smp.h"
#include "lib/atomic.h"

#define COM1            0x3f8
#define DEBUG_EXIT_PORT 0xf4
#define NOTES_MAX       8u /* printed failures a test */
#define LINE_MAX        240u
#define NOBODY          (~0u)

extern const struct guest_test _tests[], _tests_end[];

struct flat_start machine;
char cmdline[256];

static u32 failures; /* of the current test */
static const char *skipped;
static u64 random_state = 1;
static u32 console_owner = NOBODY; /* the processor that prints a line */

static void console_put(char c)
{
    while ((inb(COM1 + 5) & 0x20) == 0)
        ;
    outb(COM1, (u8)c);
}

void console_init(void)
{
    while ((inb(COM1 + 5) & 0x40) == 0)
        ; /* whoever had it before may still be sending */
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 0x83);
    outb(COM1, 1);
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 0x03);
    outb(COM1 + 2, 0x07);
    outb(COM1 + 4, 0x03);
}

/* A line at a time; false: this processor has it, and a handler of its speaks, too. */
static bool console_lock(void)
{
    const u32 self = smp_self();
    u32 owner = NOBODY;

    while (!atomic_cmpxchg(&console_owner, &owner, self)) {
        if (owner == self)
            return false;
        owner = NOBODY;
        cpu_pause();
    }
    return true;
}

static void say_args(const char *format, va_list args)
{
    char line[LINE_MAX];

    (void)fmt_vbuf(line, sizeof(line), format, args);
    const bool locked = console_lock();
    for (const char *c = line; *c != '\0'; c++) {
        if (*c == '\n')
            console_put('\r');
        console_put(*c);
    }
    if (locked)
        store_release(&console_owner, NOBODY);
}

void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say_args(format, args);
    va_end(args);
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    if (atomic_add(&failures, 1) >= NOTES_MAX)
        return;
    say("# %s:%d: ", file, line);
    va_start(args, format);
    say_args(format, args);
    va_end(args);
    say("\n");
}

void test_skip(const char *reason)
{
    skipped = reason;
}

bool expect_true(bool ok, const char *file, int line, const char *what)
{
    if (!ok)
        test_fail(file, line, "%s", what);
    return ok;
}

bool expect_equal(u64 a, u64 b, bool equal, const char *file, int line, const char *what)
{
    if ((a == b) == equal)
        return true;
    test_fail(file, line, "%s: 0x%llx, 0x%llx", what, (unsigned long long)a, (unsigned long long)b);
    return false;
}

bool expect_vector(u32 vector, const char *file, int line, const char *what)
{
    if (fault.vector == vector)
        return true;
    test_fail(file, line, "%s: vector %u, not %u (256: none); error 0x%llx rip 0x%llx cr2 0x%llx",
              what, fault.vector, vector, (unsigned long long)fault.error,
              (unsigned long long)fault.rip, (unsigned long long)fault.cr2);
    return false;
}

bool expect_code(u32 vector, u64 error, const char *file, int line, const char *what)
{
    return expect_vector(vector, file, line, what) &&
           expect_equal(fault.error, error, true, file, line, what);
}

/* Marsaglia's xorshift64 with a multiplier. */
u64 random_u64(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dull;
}

void random_seed(u64 seed)
{
    random_state = seed == 0 ? 1 : seed;
    say("# seed 0x%llx\n", (unsigned long long)seed);
}

void guest_exit(u8 status)
{
    while ((inb(COM1 + 5) & 0x40) == 0)
        ; /* the last line has to leave the UART */
    outb(DEBUG_EXIT_PORT, status);
    for (;;) /* on a machine without that port */
        __asm__ volatile("cli; hlt");
}

static bool run_one(const struct guest_test *test, u32 number)
{
    failures = 0;
    skipped = NULL;
    if (FAULTS(test->run()))
        test_fail(test->name, 0, "fault %u in the test, error 0x%llx rip 0x%llx cr2 0x%llx",
                  fault.vector, (unsigned long long)fault.error, (unsigned long long)fault.rip,
                  (unsigned long long)fault.cr2);
    cpu_cli();
    pic_mask_all();
    for (u32 v = 0; v < 256; v++)
        on_vector(v, NULL);
    if (skipped != NULL && failures == 0)
        say("ok %u - %s # SKIP %s\n", number, test->name, skipped);
    else
        say("%s %u - %s\n", failures == 0 ? "ok" : "not ok", number, test->name);
    return failures == 0;
}

void rt_main(const struct flat_start *start)
{
    u32 count = 0, failed = 0;

    console_init();
    trap_init();
    if (start->magic != FLAT_START_MAGIC) {
        say("Bail out! no struct flat_start\n");
        guest_exit(98);
    }
    machine = *start;
    if (start->cmdline_gpa != 0)
        (void)fmt_buf(cmdline, sizeof(cmdline), "%s", (const char *)start->cmdline_gpa);
    paging_init();
    pic_init();
    say("# memory %llu tsc_hz %llu cmdline '%s'\n", (unsigned long long)machine.memory,
        (unsigned long long)machine.tsc_hz, cmdline);
    for (const struct guest_test *test = _tests; test < _tests_end; test++)
        failed += run_one(test, ++count) ? 0 : 1;
    say("1..%u\n# failed %u\n", count, failed);
    guest_exit((u8)MIN(failed, 97u));
}
