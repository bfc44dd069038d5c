/* Single-step and debug registers, above all over instructions that exit: the trap comes
 * right after the instruction, as on the bare processor.  SDM Vol. 3B, "Debug Exceptions". */
#include "guest_tests/rt/guest.h"

#define DR6_BS BIT(14)
#define DR6_BD BIT(13)
#define DR7_GD BIT(13)

static volatile struct {
    u32 count;
    u64 rip, dr6;
} trap;

static void on_debug(struct frame *f)
{
    trap.count++;
    trap.rip = f->rip;
    trap.dr6 = read_dr6();
    write_dr6(0xffff0ff0);
    f->rflags = (f->rflags & ~FLAG_TF) | FLAG_RF;
}

static void arm(void)
{
    trap.count = 0, trap.rip = 0, trap.dr6 = 0;
    on_vector(VEC_DB, on_debug);
    write_dr6(0xffff0ff0);
}

/* Set up the registers, step over one instruction, and see where the trap came. */
#define STEP(setup, insn)                                                                          \
    do {                                                                                           \
        u64 want_;                                                                                 \
        arm();                                                                                     \
        __asm__ volatile(setup "; lea 1f(%%rip), %0; pushfq; orq $0x100, (%%rsp); popfq; " insn    \
                               "\n1: nop; nop"                                                     \
                         : "=&r"(want_)                                                            \
                         :                                                                         \
                         : "rax", "rbx", "rcx", "rdx", "rdi", "memory", "cc");                     \
        EXPECT_EQ(trap.count, 1);                                                                  \
        EXPECT_EQ(trap.rip, want_);                                                                \
        EXPECT_EQ(trap.dr6 &(DR6_BS | 0xf), DR6_BS);                                               \
    } while (0)

GUEST_TEST(step_over_plain)
{
    STEP("", "nop");
    STEP("xor %%eax, %%eax", "inc %%eax");
}

GUEST_TEST(step_over_cpuid)
{
    STEP("xor %%eax, %%eax; xor %%ecx, %%ecx", "cpuid");
}

GUEST_TEST(step_over_port_io)
{
    STEP("mov $0x61, %%edx", "in %%dx, %%al");
    STEP("mov $0x80, %%edx", "out %%al, %%dx");
    STEP("mov $0x1234, %%edx", "in %%dx, %%eax");
}

GUEST_TEST(step_over_cr_moves)
{
    STEP("mov %%cr0, %%rax", "mov %%rax, %%cr0");
    STEP("mov %%cr4, %%rax", "mov %%rax, %%cr4");
    STEP("mov %%cr3, %%rax", "mov %%rax, %%cr3");
    STEP("xor %%eax, %%eax", "mov %%rax, %%cr8");
    STEP("", "clts");
}

GUEST_TEST(step_over_msrs)
{
    STEP("mov $0x1b, %%ecx", "rdmsr");
    STEP("mov $0x277, %%ecx; rdmsr", "wrmsr");
    STEP("mov $0xc0000080, %%ecx; rdmsr", "wrmsr");
}

GUEST_TEST(step_over_vmcall)
{
    STEP("xor %%eax, %%eax", "vmcall");
}

GUEST_TEST(step_over_rare)
{
    STEP("", "wbinvd");
    STEP("", "rdtsc");
}

GUEST_TEST(step_over_mmio)
{
    STEP("mov $0xa0000, %%ebx", "mov (%%rbx), %%eax");
    STEP("mov $0xa0000, %%ebx", "mov %%eax, (%%rbx)");
}

/* POPF that sets TF, then an instruction that faults: the fault's handler runs, no trap. */
GUEST_TEST(step_into_a_fault)
{
    arm();
    EXPECT_FAULT(VEC_UD, __asm__ volatile("pushfq; orq $0x100, (%rsp); popfq; ud2"));
    EXPECT_EQ(trap.count, 0);
    EXPECT_FAULT(VEC_GP, __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; rdmsr"
                                          :
                                          : "c"(0x40000000)
                                          : "rax", "rdx"));
    EXPECT_EQ(trap.count, 0);
}

static volatile u64 watched __attribute__((aligned(8)));

GUEST_TEST(data_breakpoints)
{
    write_dr0((u64)&watched);
    write_dr7(0x400 | 0x1 | 0x1 << 16 | 0x3 << 18); /* L0, write, 4 bytes */
    arm();
    watched = 1;
    EXPECT_EQ(trap.count, 1);
    EXPECT_EQ(trap.dr6 & 0xf, 1);
    (void)watched;
    EXPECT_EQ(trap.count, 1);
    write_dr7(0x400 | 0x1 | 0x3 << 16 | 0x3 << 18); /* read or write */
    (void)watched;
    EXPECT_EQ(trap.count, 2);
    write_dr7(0x400);
    watched = 2;
    EXPECT_EQ(trap.count, 2);
}

extern const u8 exec_at[], exec_cpuid[];

GUEST_TEST(instruction_breakpoints)
{
    write_dr1((u64)exec_at);
    write_dr2((u64)exec_cpuid);
    write_dr7(0x400 | 0x4 | 0x10);
    arm();
    __asm__ volatile("exec_at: nop");
    EXPECT_EQ(trap.count, 1);
    EXPECT_EQ(trap.rip, (u64)exec_at);
    EXPECT_EQ(trap.dr6 & 0xf, 2);
    __asm__ volatile("exec_cpuid: cpuid" : : "a"(0), "c"(0) : "rbx", "rdx");
    EXPECT_EQ(trap.count, 2);
    EXPECT_EQ(trap.rip, (u64)exec_cpuid);
    EXPECT_EQ(trap.dr6 & 0xf, 4);
    write_dr7(0x400);
}

static void on_general_detect(struct frame *f)
{
    trap.count++;
    trap.rip = f->rip;
    trap.dr6 = read_dr6(); /* the processor cleared DR7.GD on the way here */
    write_dr7(0x400);
    (void)f;
}

extern const u8 gd_at[];

GUEST_TEST(general_detect)
{
    arm();
    on_vector(VEC_DB, on_general_detect);
    write_dr7(0x400 | DR7_GD);
    __asm__ volatile("gd_at: mov %%dr0, %%rax" : : : "rax");
    EXPECT_EQ(trap.count, 1);
    EXPECT_EQ(trap.rip, (u64)gd_at);
    EXPECT_EQ(trap.dr6 & DR6_BD, DR6_BD);
}

GUEST_TEST(debug_registers_hold)
{
    write_dr0(0x1111), write_dr1(0x2222), write_dr2(0xffff800000000000), write_dr3(0x4444);
    for (u32 i = 0; i < 1000; i++)
        (void)cpuid(0, 0);
    EXPECT_EQ(read_dr0(), 0x1111);
    EXPECT_EQ(read_dr1(), 0x2222);
    EXPECT_EQ(read_dr2(), 0xffff800000000000);
    EXPECT_EQ(read_dr3(), 0x4444);
    EXPECT_FAULT_CODE(VEC_GP, 0, write_dr7(BIT(32)));
    EXPECT_FAULT_CODE(VEC_GP, 0, write_dr6(BIT(32)));
    write_cr4(read_cr4() | CR4_DE);
    EXPECT_FAULT(VEC_UD, __asm__ volatile(".byte 0x0f, 0x21, 0xe0" : : : "rax")); /* DR4 */
    write_cr4(read_cr4() & ~CR4_DE);
    write_dr0(0), write_dr1(0), write_dr2(0), write_dr3(0);
}

/* MOV SS holds the trap off for one instruction. */
GUEST_TEST(mov_ss_delays_the_step)
{
    u64 want = 0;

    arm();
    __asm__ volatile("lea 1f(%%rip), %0; mov %%ss, %%eax; pushfq; orq $0x100, (%%rsp); popfq;"
                     "mov %%eax, %%ss; nop\n1: nop"
                     : "=&r"(want)
                     :
                     : "rax", "memory");
    EXPECT_EQ(trap.count, 1);
    EXPECT_EQ(trap.rip, want);
    arm();
    __asm__ volatile("lea 1f(%%rip), %0; mov %%ss, %%edi; xor %%eax, %%eax; xor %%ecx, %%ecx;"
                     "pushfq; orq $0x100, (%%rsp); popfq; mov %%edi, %%ss; cpuid\n1: nop"
                     : "=&r"(want)
                     :
                     : "rax", "rbx", "rcx", "rdx", "rdi", "memory");
    EXPECT_EQ(trap.count, 1);
    EXPECT_EQ(trap.rip, want);
}
