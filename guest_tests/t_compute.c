/* A guest that computes, and what of its exits it did not ask for: Lintel counts them between the
 * marks, and guest_tests/list.txt says how many there may be.  `ticks=N`: for how long. */
#include "abi/errors.h"
#include "abi/ledger.h"
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/rt/lapic.h"

#define BEGIN     1u /* include/abi/hypercalls.def */
#define END       2u
#define TIMERS    100u
#define INTERVAL  200000u
#define TIMER_VEC 0x51u
#define SAID      3000000u /* ticks in which the console sends what was said before */

static u64 ticks_to_run(void)
{
    return cmdline_number("ticks=", 50000000);
}

/* Exactly computed: a sum that would show a lost iteration. */
static u64 sum_until(u64 end, u64 *rounds)
{
    u64 sum = 0;

    for (*rounds = 0; rdtsc() < end; (*rounds)++)
        sum += *rounds;
    return sum;
}

GUEST_TEST(alone)
{
    u64 rounds = 0, sum;

    EXPECT_EQ(vmcall(END, LEDGER_OP_boot, 1), ABI_OK);
    (void)sum_until(rdtsc() + SAID, &rounds);
    __asm__ volatile("sti" : : : "memory"); /* Bochs interrupts no guest without IF */
    EXPECT_EQ(vmcall(BEGIN, LEDGER_OP_user0, 0), ABI_OK);
    sum = sum_until(rdtsc() + ticks_to_run(), &rounds);
    EXPECT_EQ(vmcall(END, LEDGER_OP_user0, 1), ABI_OK);
    __asm__ volatile("cli" : : : "memory");
    EXPECT_TRUE(rounds > 1000);
    EXPECT_EQ(sum, rounds * (rounds - 1) / 2);
}

static volatile u32 expired;

static void on_timer_irq(struct frame *f)
{
    (void)f;
    expired++;
    wrmsr(0x80b, 0); /* EOI */
}

/* With a periodic timer: its exits alone, where the processor delivers the interrupts itself. */
GUEST_TEST(with_its_own_timer)
{
    lapic_to_x2apic(0);
    on_vector(TIMER_VEC, on_timer_irq);
    wrmsr(0x83e, 0xb);                  /* divide by 1 */
    wrmsr(0x832, 1u << 17 | TIMER_VEC); /* periodic */
    expired = 0;
    wrmsr(0x838, INTERVAL);
    __asm__ volatile("sti" : : : "memory");
    while (expired == 0)
        ;
    EXPECT_EQ(vmcall(BEGIN, LEDGER_OP_user1, 0), ABI_OK);
    while (expired <= TIMERS)
        ;
    EXPECT_EQ(vmcall(END, LEDGER_OP_user1, TIMERS), ABI_OK);
    __asm__ volatile("cli" : : : "memory");
    wrmsr(0x838, 0);
    lapic_to_xapic(0);
}
