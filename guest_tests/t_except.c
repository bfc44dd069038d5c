/* Exceptions and software interrupts: vector, error code, RIP and CR2.
 * SDM Vol. 3A, "Exception and Interrupt Reference". */
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/modes.h"

#define HOLE 0x3000000ull /* a page that the tests take away */

extern const u8 de_at[], bp_after[], ud_at[], int_after[], icebp_after[];

GUEST_TEST(divide_error)
{
    EXPECT_FAULT_CODE(VEC_DE, 0, {
        u64 a = 1, d = 0;
        __asm__ volatile("de_at: div %2" : "+a"(a), "+d"(d) : "r"(0ull));
    });
    EXPECT_EQ(fault.rip, (u64)de_at);
}

GUEST_TEST(breakpoint)
{
    EXPECT_FAULT(VEC_BP, __asm__ volatile("int3; bp_after: nop"));
    EXPECT_EQ(fault.rip, (u64)bp_after);
}

GUEST_TEST(icebp)
{
    EXPECT_FAULT(VEC_DB, __asm__ volatile(".byte 0xf1; icebp_after: nop"));
    EXPECT_EQ(fault.rip, (u64)icebp_after);
}

GUEST_TEST(overflow_and_bound)
{
    EXPECT_FAULT(VEC_OF, compat_into());
    EXPECT_FAULT(VEC_BR, compat_bound());
}

GUEST_TEST(undefined_opcode)
{
    EXPECT_FAULT_CODE(VEC_UD, 0, __asm__ volatile("ud_at: ud2"));
    EXPECT_EQ(fault.rip, (u64)ud_at);
    EXPECT_FAULT(VEC_UD, __asm__ volatile(".byte 0xf0, 0x90")); /* LOCK NOP */
}

static void on_software_interrupt(struct frame *f)
{
    f->rax = 0x600d;
}

GUEST_TEST(software_interrupts)
{
    const u64 before = vector_count[0x55];
    u64 a = 0;

    on_vector(0x55, on_software_interrupt);
    __asm__ volatile("int $0x55; int_after: nop" : "+a"(a) : : "memory");
    EXPECT_EQ(vector_count[0x55] - before, 1);
    EXPECT_EQ(vector_rip[0x55], (u64)int_after);
    EXPECT_EQ(a, 0x600d);
}

static void load_ds(u16 selector)
{
    __asm__ volatile("mov %0, %%ds" : : "r"((u32)selector));
}

static void load_ss(u16 selector)
{
    __asm__ volatile("mov %0, %%ss" : : "r"((u32)selector));
}

GUEST_TEST(segment_not_present)
{
    EXPECT_FAULT_CODE(VEC_NP, SEL_ABSENT, load_ds(SEL_ABSENT));
    EXPECT_FAULT_CODE(VEC_SS, SEL_ABSENT, load_ss(SEL_ABSENT));
    EXPECT_FAULT_CODE(VEC_NP, SEL_ABSENT_CODE, {
        __asm__ volatile("push %0; push $0; lretq" : : "i"(SEL_ABSENT_CODE));
    });
}

GUEST_TEST(bad_selectors)
{
    EXPECT_FAULT_CODE(VEC_GP, 0x70, load_ds(0x70));
    EXPECT_FAULT_CODE(VEC_GP, 0xfff8, load_ds(0xfff8));
    EXPECT_FAULT_CODE(VEC_GP, 0x74, load_ds(0x74));             /* no LDT */
    EXPECT_FAULT_CODE(VEC_GP, SEL_CODE64, load_ss(SEL_CODE64)); /* not writable data */
    EXPECT_FAULT_CODE(VEC_GP, SEL_TSS, load_ds(SEL_TSS));
    EXPECT_NO_FAULT(load_ds(0));
    EXPECT_NO_FAULT(load_ds(SEL_DATA));
}

GUEST_TEST(non_canonical)
{
    EXPECT_FAULT_CODE(VEC_GP, 0, (void)*(volatile u8 *)0x800000000000ull);
    EXPECT_FAULT_CODE(VEC_GP, 0, *(volatile u8 *)0xff00000000000000ull = 1);
    EXPECT_FAULT_CODE(VEC_SS, 0,
                      __asm__ volatile("mov %0, %%rbp; mov (%%rbp), %%rax" ::"r"(1ull << 47)
                                       : "rax"));
}

static volatile u8 *const hole = (volatile u8 *)HOLE;

static void user_read_hole(void)
{
    (void)*hole;
}

static void user_write_hole(void)
{
    *hole = 1;
}

GUEST_TEST(page_fault_codes)
{
    const u64 cr0 = read_cr0();

    write_cr0(cr0 & ~CR0_WP);
    page_set(HOLE, 0);
    EXPECT_FAULT_CODE(VEC_PF, 0, (void)hole[0x123]);
    EXPECT_EQ(fault.cr2, HOLE + 0x123);
    EXPECT_FAULT_CODE(VEC_PF, 2, hole[0xfff] = 1);
    EXPECT_EQ(fault.cr2, HOLE + 0xfff);
    EXPECT_FAULT_CODE(VEC_PF, 4, user_call(user_read_hole));
    EXPECT_FAULT_CODE(VEC_PF, 6, user_call(user_write_hole));
    page_set(HOLE, HOLE | PAGE_P);
    EXPECT_FAULT_CODE(VEC_PF, 5, user_call(user_read_hole));
    EXPECT_FAULT_CODE(VEC_PF, 7, user_call(user_write_hole));
    EXPECT_NO_FAULT((void)*hole);
    EXPECT_NO_FAULT(*hole = 1);
    write_cr0(read_cr0() | CR0_WP);
    EXPECT_FAULT_CODE(VEC_PF, 3, *hole = 1);
    write_cr0(cr0);
    page_set(HOLE, HOLE | PAGE_P | PAGE_W | BIT(51));
    EXPECT_FAULT_CODE(VEC_PF, 9, (void)*hole);
    page_set(HOLE, HOLE | PAGE_P | PAGE_W | PAGE_U);
}

GUEST_TEST(accessed_and_dirty)
{
    u64 *entry = page_entry(HOLE);

    page_set(HOLE, HOLE | PAGE_P | PAGE_W | PAGE_U);
    (void)*hole;
    EXPECT_EQ(*(volatile u64 *)entry & (PAGE_A | PAGE_D), PAGE_A);
    *hole = 1;
    EXPECT_EQ(*(volatile u64 *)entry & (PAGE_A | PAGE_D), PAGE_A | PAGE_D);
}

static void user_misaligned(void)
{
    u64 words[2] = {0, 0};

    __asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; mov 1(%0), %%rax"
                     :
                     : "r"(words)
                     : "rax", "memory");
}

static void user_privileged_int(void)
{
    __asm__ volatile("int $0x55");
}

GUEST_TEST(user_faults)
{
    write_cr0(read_cr0() | CR0_AM);
    EXPECT_FAULT_CODE(VEC_AC, 0, user_call(user_misaligned));
    write_cr0(read_cr0() & ~CR0_AM);
    EXPECT_FAULT(VEC_USER_DONE, user_call(user_misaligned));
    EXPECT_FAULT_CODE(VEC_GP, 0x55 << 3 | 2, user_call(user_privileged_int));
}

GUEST_TEST(x87_error)
{
    const u16 unmasked = 0x0340;

    write_cr0((read_cr0() | CR0_NE | CR0_MP) & ~(CR0_EM | CR0_TS));
    EXPECT_FAULT(VEC_MF, __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait"
                                          :
                                          : "m"(unmasked)));
    __asm__ volatile("fninit");
}

GUEST_TEST(simd_error)
{
    const u32 unmasked = 0, quiet = 0x1f80;
    const u64 cr4 = read_cr4();

    write_cr4(cr4 | CR4_OSFXSR | CR4_OSXMMEXCPT);
    EXPECT_FAULT(VEC_XM, {
        __asm__ volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0; divps %%xmm0, %%xmm0" ::"m"(unmasked));
    });
    write_cr4((cr4 | CR4_OSFXSR) & ~CR4_OSXMMEXCPT);
    EXPECT_FAULT(VEC_UD, {
        __asm__ volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0; divps %%xmm0, %%xmm0" ::"m"(unmasked));
    });
    __asm__ volatile("ldmxcsr %0" ::"m"(quiet));
    write_cr4(cr4 & ~CR4_OSFXSR);
    EXPECT_FAULT(VEC_UD, __asm__ volatile("xorps %xmm0, %xmm0"));
    write_cr4(cr4);
}

/* A page fault whose gate is not present: the second, contributory fault makes #DF. */
GUEST_TEST(double_fault)
{
    const u64 old = idt_gate_set(VEC_PF, 0, 0x0e, 0);

    page_set(HOLE, 0);
    EXPECT_FAULT_CODE(VEC_DF, 0, (void)*hole);
    idt_gate_restore(VEC_PF, old);
    EXPECT_FAULT(VEC_PF, (void)*hole);
    page_set(HOLE, HOLE | PAGE_P | PAGE_W | PAGE_U);
}

GUEST_TEST(ten_thousand_faults)
{
    for (u32 i = 0; i < 10000; i++)
        if (!FAULTS(__asm__ volatile("ud2")) || fault.vector != VEC_UD)
            FAIL("round %u", i);
}
