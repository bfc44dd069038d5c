/* Single-step through what holds a trap off: STI, MOV SS, HLT.  Each of these states is legal
 * on the bare processor, and VM entry refuses it if the pending debug exceptions do not fit.
 * SDM Vol. 3B, "Single-Step Exception Condition"; Vol. 3C, "Checks on Guest Non-Register State". */
#include "guest_tests/rt/guest.h"

#define DR6_BS BIT(14)
#define DR6_B0 BIT(0)
#define STEPS  4u

static volatile struct {
    u32 count, last; /* the handler clears TF in the last */
    u64 rip[STEPS], dr6[STEPS];
} trap;

static void on_debug(struct frame *f)
{
    if (trap.count < STEPS) {
        trap.rip[trap.count] = f->rip;
        trap.dr6[trap.count] = read_dr6() & (DR6_BS | 0xf);
    }
    write_dr6(0xffff0ff0);
    if (++trap.count >= trap.last)
        f->rflags &= ~FLAG_TF;
}

static void on_breakpoint(struct frame *f)
{
    f->rflags &= ~FLAG_TF;
}

static void arm(u32 steps)
{
    memset((void *)&trap, 0, sizeof(trap));
    trap.last = steps;
    on_vector(VEC_DB, on_debug);
    on_vector(VEC_BP, on_breakpoint);
    write_dr6(0xffff0ff0);
}

#define SET_TF "pushfq; orq $0x100, (%%rsp); popfq; "

/* The trap comes in the shadow of STI, and the next one after HLT. */
GUEST_TEST(sti_then_hlt)
{
    u64 after_sti, after_hlt;

    pit_one_shot(PIT_HZ / 50);
    pic_unmask(0);
    arm(2);
    __asm__ volatile("lea 1f(%%rip), %0; lea 2f(%%rip), %1;" SET_TF "sti\n1: hlt\n2: cli"
                     : "=&r"(after_sti), "=&r"(after_hlt)
                     :
                     : "memory", "cc");
    EXPECT_EQ(trap.count, 2);
    EXPECT_EQ(trap.rip[0], after_sti);
    EXPECT_EQ(trap.rip[1], after_hlt);
    EXPECT_EQ(trap.dr6[0], DR6_BS);
    EXPECT_EQ(trap.dr6[1], DR6_BS);
    pit_stop();
}

/* MOV SS swallows its own trap; INT1 and INT3 are not stepped: one event, from the instruction. */
GUEST_TEST(mov_ss_then_int1)
{
    u64 want;

    arm(1);
    __asm__ volatile("lea 1f(%%rip), %0; mov %%ss, %%eax;" SET_TF
                     "mov %%eax, %%ss; .byte 0xf1\n1: nop; nop"
                     : "=&r"(want)
                     :
                     : "rax", "memory", "cc");
    EXPECT_EQ(trap.count, 1);
    EXPECT_EQ(trap.rip[0], want);
}

GUEST_TEST(mov_ss_then_int3)
{
    const u64 before = vector_count[VEC_BP];
    u64 want;

    arm(1);
    __asm__ volatile("lea 1f(%%rip), %0; mov %%ss, %%eax;" SET_TF
                     "mov %%eax, %%ss; int3\n1: nop; nop"
                     : "=&r"(want)
                     :
                     : "rax", "memory", "cc");
    EXPECT_EQ(vector_count[VEC_BP] - before, 1);
    EXPECT_EQ(vector_rip[VEC_BP], want);
    EXPECT_EQ(trap.count, 0);
}

static volatile u64 stack_word __attribute__((aligned(8)));

static void watch_stack_word(void)
{
    stack_word = SEL_DATA;
    write_dr0((u64)&stack_word);
    write_dr7(0x400 | 1 | 3 << 16 | 3 << 18); /* L0, read or write, 4 bytes */
}

/* A data breakpoint on MOV SS's operand waits for the end of the next instruction. */
#define MOV_SS_WATCHED(before, insn, want_dr6)                                                     \
    do {                                                                                           \
        u64 want_;                                                                                 \
        arm(1);                                                                                    \
        watch_stack_word();                                                                        \
        __asm__ volatile("lea 1f(%%rip), %0; xor %%eax, %%eax; xor %%ecx, %%ecx;" before           \
                         "mov %1, %%ss; " insn "\n1: nop; nop"                                     \
                         : "=&r"(want_)                                                            \
                         : "m"(stack_word)                                                         \
                         : "rax", "rbx", "rcx", "rdx", "memory", "cc");                            \
        write_dr7(0x400);                                                                          \
        EXPECT_EQ(trap.count, 1);                                                                  \
        EXPECT_EQ(trap.rip[0], want_);                                                             \
        EXPECT_EQ(trap.dr6[0], (want_dr6));                                                        \
    } while (0)

GUEST_TEST(mov_ss_with_a_breakpoint)
{
    MOV_SS_WATCHED("", "nop", DR6_B0);
    MOV_SS_WATCHED("", "cpuid", DR6_B0);
    MOV_SS_WATCHED(SET_TF, "nop", DR6_B0 | DR6_BS);
    MOV_SS_WATCHED(SET_TF, "cpuid", DR6_B0 | DR6_BS);
}

/* The breakpoint and INT1 or INT3 meet: the processor may report it with either. */
GUEST_TEST(mov_ss_with_a_breakpoint_then_int)
{
    const u64 before = vector_count[VEC_BP];

    arm(STEPS);
    watch_stack_word();
    __asm__ volatile(SET_TF "mov %0, %%ss; .byte 0xf1; pushfq; andq $~0x100, (%%rsp); popfq"
                     :
                     : "m"(stack_word)
                     : "memory", "cc");
    EXPECT_TRUE(trap.count >= 1);
    arm(STEPS);
    watch_stack_word();
    __asm__ volatile(SET_TF "mov %0, %%ss; int3; nop" : : "m"(stack_word) : "memory", "cc");
    write_dr7(0x400);
    EXPECT_EQ(vector_count[VEC_BP] - before, 1);
    EXPECT_TRUE(trap.count <= 1);
}

#define HLT_STEPPED(flags, want)                                                                   \
    __asm__ volatile("lea 1f(%%rip), %0; pushfq; orq $" flags ", (%%rsp); popfq; hlt\n1: cli"      \
                     : "=&r"(want)                                                                 \
                     :                                                                             \
                     : "memory", "cc")

/* The trap ends HLT before the processor has slept: long before the timer would. */
GUEST_TEST(hlt_does_not_sleep)
{
    const u64 before = vector_count[VEC_IRQ0], start = rdtsc();
    u64 want;

    pit_one_shot(PIT_HZ / 20);
    pic_unmask(0);
    arm(1);
    HLT_STEPPED("0x300", want);
    EXPECT_TRUE(rdtsc() - start < tsc_ms(25));
    EXPECT_EQ(vector_count[VEC_IRQ0], before);
    EXPECT_EQ(trap.count, 1);
    EXPECT_EQ(trap.rip[0], want);
    EXPECT_EQ(trap.dr6[0], DR6_BS);
    pit_stop();
}

/* The last one: the bare Bochs does sleep, and nothing wakes it. */
GUEST_TEST(hlt_with_interrupts_off)
{
    u64 want;

    arm(1);
    HLT_STEPPED("0x100", want);
    EXPECT_EQ(trap.count, 1);
    EXPECT_EQ(trap.rip[0], want);
    EXPECT_EQ(trap.dr6[0], DR6_BS);
}
