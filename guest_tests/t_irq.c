/* Interrupts: the window after STI, the shadows of STI and MOV SS, HLT, priorities.
 * SDM Vol. 2B, "STI"; Vol. 3A, "Masking Exceptions and Interrupts". */
#include "guest_tests/rt/guest.h"

#define IRQ0 VEC_IRQ0

extern const u8 sti_shadow_end[], sti_cpuid_end[], popf_end[], ss_shadow_end[], cr8_end[];

/* Leave IRQ 0 requested at the PIC, with IF=0. */
static void raise_irq0(void)
{
    vector_count[IRQ0] = 0;
    pit_one_shot(20);
    pic_unmask(0);
    pit_wait(200);
    EXPECT_EQ(vector_count[IRQ0], 0);
}

GUEST_TEST(nothing_comes_with_if_clear)
{
    raise_irq0();
    for (u32 i = 0; i < 1000; i++)
        (void)cpuid(0, 0);
    EXPECT_EQ(vector_count[IRQ0], 0);
    outb(PIC1_CMD, 0x0a); /* read IRR next */
    EXPECT_EQ(inb(PIC1_CMD) & 1, 1);
    cpu_sti();
    __asm__ volatile("nop; nop");
    cpu_cli();
    EXPECT_EQ(vector_count[IRQ0], 1);
}

GUEST_TEST(arrives_after_the_sti_shadow)
{
    raise_irq0();
    __asm__ volatile("sti; nop; sti_shadow_end: nop; nop; cli" ::: "memory");
    EXPECT_EQ(vector_count[IRQ0], 1);
    EXPECT_EQ(vector_rip[IRQ0], (u64)sti_shadow_end);
}

/* The instruction in the shadow exits: the shadow ends with it, no later, no earlier. */
GUEST_TEST(exit_in_the_sti_shadow)
{
    raise_irq0();
    __asm__ volatile("sti; cpuid; sti_cpuid_end: nop; nop; cli"
                     :
                     : "a"(0), "c"(0)
                     : "rbx", "rdx", "memory");
    EXPECT_EQ(vector_count[IRQ0], 1);
    EXPECT_EQ(vector_rip[IRQ0], (u64)sti_cpuid_end);
}

GUEST_TEST(sti_cli_opens_no_window)
{
    raise_irq0();
    for (u32 i = 0; i < 100; i++)
        __asm__ volatile("sti; cli" ::: "memory");
    EXPECT_EQ(vector_count[IRQ0], 0);
    __asm__ volatile("sti; nop; nop; cli" ::: "memory");
    EXPECT_EQ(vector_count[IRQ0], 1);
}

GUEST_TEST(popf_has_no_shadow)
{
    raise_irq0();
    __asm__ volatile("pushfq; orq $0x200, (%%rsp); popfq; popf_end: nop; cli" ::: "memory");
    EXPECT_EQ(vector_count[IRQ0], 1);
    EXPECT_EQ(vector_rip[IRQ0], (u64)popf_end);
}

GUEST_TEST(mov_ss_shadow)
{
    raise_irq0();
    __asm__ volatile("mov %%ss, %%eax; sti; mov %%eax, %%ss; nop; ss_shadow_end: nop; cli"
                     :
                     :
                     : "rax", "memory");
    EXPECT_EQ(vector_count[IRQ0], 1);
    EXPECT_TRUE(vector_rip[IRQ0] == (u64)ss_shadow_end);
}

GUEST_TEST(hlt_wakes)
{
    u64 start = 0;

    vector_count[IRQ0] = 0;
    pit_one_shot(PIT_HZ / 200);
    pic_unmask(0);
    start = rdtsc();
    cpu_sti_hlt();
    cpu_cli();
    EXPECT_EQ(vector_count[IRQ0], 1);
    EXPECT_TRUE(rdtsc() - start > tsc_ms(4));
    EXPECT_TRUE(rdtsc() - start < tsc_ms(20));
}

GUEST_TEST(hlt_with_pending_interrupt)
{
    raise_irq0();
    cpu_sti_hlt();
    cpu_cli();
    EXPECT_EQ(vector_count[IRQ0], 1);
}

GUEST_TEST(hundred_ticks)
{
    vector_count[IRQ0] = 0;
    pit_periodic(PIT_HZ / 2000);
    pic_unmask(0);
    while (vector_count[IRQ0] < 100)
        cpu_sti_hlt();
    cpu_cli();
    pit_stop();
    EXPECT_TRUE(vector_count[IRQ0] >= 100);
}

/* A loop of exits must not starve the timer, nor lose a register. */
GUEST_TEST(ticks_among_exits)
{
    u32 bad = 0;
    const struct cpuid want = cpuid(0, 0);

    vector_count[IRQ0] = 0;
    pit_periodic(PIT_HZ / 2000);
    pic_unmask(0);
    cpu_sti();
    for (u32 i = 0; i < 1000000 && vector_count[IRQ0] < 50; i++)
        bad += cpuid(0, 0).ebx != want.ebx;
    cpu_cli();
    pit_stop();
    EXPECT_TRUE(vector_count[IRQ0] >= 50);
    EXPECT_EQ(bad, 0);
}

GUEST_TEST(masked_irq_stays_out)
{
    vector_count[IRQ0] = 0;
    pic_mask_all();
    pit_periodic(PIT_HZ / 2000);
    cpu_sti();
    pit_wait(20000);
    cpu_cli();
    pit_stop();
    EXPECT_EQ(vector_count[IRQ0], 0);
}

static void no_eoi(struct frame *f)
{
    (void)f;
}

/* Without an EOI the in-service bit holds the line back. */
GUEST_TEST(in_service_blocks)
{
    vector_count[IRQ0] = 0;
    on_vector(IRQ0, no_eoi);
    pit_periodic(PIT_HZ / 2000);
    pic_unmask(0);
    cpu_sti();
    pit_wait(20000);
    cpu_cli();
    EXPECT_EQ(vector_count[IRQ0], 1);
    outb(PIC1_CMD, 0x0b); /* read ISR */
    EXPECT_EQ(inb(PIC1_CMD), 1);
    pic_eoi(0);
    EXPECT_EQ(inb(PIC1_CMD), 0);
    pit_stop();
}

static volatile u64 nested_depth;

static void int_in_handler(struct frame *f)
{
    nested_depth++;
    if (nested_depth == 1) {
        pic_eoi(0);
        cpu_sti();
        for (u32 i = 0; i < 100000 && nested_depth == 1; i++)
            (void)cpuid(0, 0);
        cpu_cli();
    } else {
        pic_eoi(0);
    }
    (void)f;
}

GUEST_TEST(nested_interrupts)
{
    nested_depth = 0;
    on_vector(IRQ0, int_in_handler);
    pit_periodic(PIT_HZ / 1000);
    pic_unmask(0);
    cpu_sti();
    pit_wait(10000);
    cpu_cli();
    pit_stop();
    EXPECT_TRUE(nested_depth >= 2);
}

/* Vectors 0-31 delivered through software interrupts and faults while IRQs come in. */
GUEST_TEST(faults_among_interrupts)
{
    u32 wrong = 0;

    vector_count[IRQ0] = 0;
    pit_periodic(PIT_HZ / 5000);
    pic_unmask(0);
    cpu_sti();
    for (u32 i = 0; i < 20000; i++)
        wrong += !FAULTS(__asm__ volatile("ud2")) || fault.vector != VEC_UD;
    cpu_cli();
    pit_stop();
    EXPECT_EQ(wrong, 0);
    EXPECT_NE(vector_count[IRQ0], 0);
}
