/* The 32-bit guests' output without lib/fmt.h: that divides 64-bit numbers, for which gcc calls its
 * 32-bit library. */
#include "guest_tests/multiboot/tap.h"

#define COM1            0x3f8
#define DEBUG_EXIT_PORT 0xf4
#define NOTES_MAX       8u /* printed failures a test */

static u32 failures; /* of the current test */

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

void say(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            console_put('\r');
        console_put(*text);
    }
}

static void say_decimal(u32 value)
{
    char text[11];
    u32 at = sizeof(text) - 1;

    text[at] = '\0';
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    say(text + at);
}

void say_hex(const char *before, u64 value)
{
    char text[17];
    u32 at = sizeof(text) - 1;

    text[at] = '\0';
    do {
        text[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    say(before);
    say("0x");
    say(text + at);
}

static bool note(u32 line, const char *what)
{
    if (++failures > NOTES_MAX)
        return false;
    say("# line ");
    say_decimal(line);
    say(": ");
    say(what);
    return true;
}

bool expect_true(bool ok, u32 line, const char *what)
{
    if (!ok && note(line, what))
        say("\n");
    return ok;
}

bool expect_equal(u64 a, u64 b, u32 line, const char *what)
{
    if (a != b && note(line, what)) {
        say_hex(": ", a);
        say_hex(", ", b);
        say("\n");
    }
    return a == b;
}

bool test_result(u32 number, const char *name)
{
    const bool good = failures == 0;

    say(good ? "ok " : "not ok ");
    say_decimal(number);
    say(" - ");
    say(name);
    say("\n");
    failures = 0;
    return good;
}

/* The digits of `value` and a line's end at `text`; where the text goes on, or NULL. */
static const u8 *skip_number(const u8 *text, const u8 *end, u32 value)
{
    u32 power = 1;

    while (value / power >= 10)
        power *= 10;
    for (; power != 0; power /= 10, text++)
        if (text >= end || *text != '0' + value / power % 10)
            return NULL;
    return text < end && *text == '\n' ? text + 1 : NULL;
}

bool holds_numbers(const u8 *text, const u8 *end, u32 first, u32 last)
{
    for (u32 value = first; text != NULL && value <= last; value++)
        text = skip_number(text, end, value);
    return text == end;
}

void test_plan(u32 count)
{
    say("1..");
    say_decimal(count);
    say("\n");
}

void guest_exit(u8 status)
{
    while ((inb(COM1 + 5) & 0x40) == 0)
        ; /* the last line has to leave the UART */
    outb(DEBUG_EXIT_PORT, status);
    for (;;) /* on a machine without that port */
        __asm__ volatile("cli; hlt");
}
