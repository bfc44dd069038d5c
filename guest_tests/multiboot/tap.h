/* The output of the 32-bit test guests: TAP (testanything.org) on COM1, and the debug-exit port. */
#pragma once
#include "lib/types.h"

static inline u8 inb(u16 port)
{
    u8 value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void outb(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

void console_init(void);
void say(const char *text);
void say_hex(const char *before, u64 value);
NORETURN void guest_exit(u8 status);

/* Both count a failure of the current test and say what was seen. */
#define EXPECT(condition) ((void)expect_true((condition), __LINE__, #condition))
#define EXPECT_EQ(a, b)   ((void)expect_equal((a), (b), __LINE__, #a " == " #b))
bool expect_true(bool ok, u32 line, const char *what);
bool expect_equal(u64 a, u64 b, u32 line, const char *what);

/* The text is the decimal numbers first..last, a line each, and no more. */
bool holds_numbers(const u8 *text, const u8 *end, u32 first, u32 last);

/* The current test's result line; true: nothing failed in it. */
bool test_result(u32 number, const char *name);
void test_plan(u32 count);
