/* See rtc_test.h.  Motorola MC146818A data sheet, "Register A", "Register B", "Register C". */
#include "control/rtc_test.h"
#include "control/loop.h"
#include "control/rt.h"

#define PORT_INDEX 0x70
#define PORT_DATA  0x71
#define REG_A      10u
#define REG_B      11u
#define REG_C      12u
#define RATE_64_HZ 0x2au /* with the 32.768 kHz divider */
#define B_PERIODIC 0x40u
#define B_24_HOURS 0x02u
#define LINE       8u
#define TEST_MS    100u

static struct {
    u32 port, came;
    u32 *count;
} test;

static void out(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static u8 in(u16 port)
{
    u8 value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static u8 get(u8 reg)
{
    out(PORT_INDEX, reg);
    return in(PORT_DATA);
}

static void put(u8 reg, u8 value)
{
    out(PORT_INDEX, reg);
    out(PORT_DATA, value);
}

static void on_interrupt(void *ctx UNUSED)
{
    test.came += (get(REG_C) & B_PERIODIC) != 0; /* which lets the next one come */
    (void)abi_irq_done(LINE);
}

static void end(void *ctx UNUSED)
{
    put(REG_B, B_24_HOURS);
    *test.count = test.came;
}

i64 rtc_test_start(u32 *count)
{
    i64 result = ABI_OK;

    if (!test.port) {
        test.port = loop_free_port();
        if (!test.port)
            return ABI_ENOMEM;
        loop_on_event(test.port, on_interrupt, NULL);
        result = abi_irq_bind(LINE, test.port, ABI_IRQ_EDGE_HIGH);
    }
    test.came = 0;
    test.count = count;
    put(REG_A, RATE_64_HZ);
    put(REG_B, B_24_HOURS | B_PERIODIC);
    (void)get(REG_C);
    if (result == ABI_OK && loop_at(time_now() + time_ms(TEST_MS), end, NULL) != OK)
        result = ABI_ENOMEM;
    return result;
}
