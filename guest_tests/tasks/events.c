/* Task gates in the IDT: software interrupts, faults with an error code, interrupts, NMIs, and #DF
 * as 32-bit Linux has it. */
#include "guest_tests/tasks/tasks.h"
#include "guest_tests/tasks/tests.h"

#define VEC_NMI      2u
#define VEC_BP       3u
#define VEC_OF       4u
#define VEC_DF       8u
#define VEC_GP       13u
#define VEC_PF       14u
#define VEC_IRQ      0x20u

#define LAPIC_ID     0xfee00020u
#define LAPIC_SVR    0xfee000f0u
#define LAPIC_ICR    0xfee00300u
#define LAPIC_ICR_HI 0xfee00310u

/* The compiler is not to know the address. */
static volatile u32 *reg(u32 address)
{
    __asm__("" : "+r"(address));
    return (volatile u32 *)address;
}

void test_software_interrupts(void)
{
    static const struct {
        u32 vector;
        void (*run)(void);
    } cases[] = {{0x60, run_int}, {VEC_BP, run_int3}, {VEC_OF, run_into}};

    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        set_gate(cases[i].vector, SEL_A, TASK_GATE, 0);
        cases[i].run();
        EXPECT_EQ(seen.count, i + 1);
        EXPECT_EQ(seen.tr, SEL_A);
        EXPECT_EQ(seen.eflags & FLAG_NT, FLAG_NT);
        EXPECT_EQ(task_a.link, SEL_MAIN);
        EXPECT_EQ(rights_of(SEL_A), TSS32);
        EXPECT_EQ(after.gpr[EAX], 0x1111a0a0);
    }
    EXPECT_EQ(caught.count, 0);
}

/* The handler is a task: it changes what its caller goes on with. */
static void go_on(void)
{
    EXPECT_EQ(main_tss.eflags & FLAG_RF, FLAG_RF);
    main_tss.eip = resume;
    resume = 0;
}

void test_error_code(void)
{
    set_gate(VEC_GP, SEL_A, TASK_GATE, 0);
    for (u32 i = 1; i <= 2; i++) {
        task_a.eip = (u32)task_error_entry;
        task_hook = go_on;
        seen.error = 0;
        run_bad_load();
        EXPECT_EQ(seen.count, i);
        EXPECT_EQ(seen.error, 0xfff8);
        EXPECT_EQ(after.gpr[EDI], 0x8888a7a7);
        EXPECT_EQ(caught.count, 0);
    }
}

static void map_the_hole(void)
{
    u32 cr2;

    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    EXPECT_EQ(cr2, HOLE + 8);
    EXPECT_EQ(main_tss.eflags & FLAG_RF, FLAG_RF);
    page_map(HOLE, 0);
}

void test_page_fault(void)
{
    if (paging == PAGING_OFF)
        return;
    page_unmap(HOLE);
    set_gate(VEC_PF, SEL_A, TASK_GATE, 0);
    task_a.eip = (u32)task_error_entry;
    task_hook = map_the_hole;
    run_touch(HOLE + 8); /* again after that */
    EXPECT_EQ(seen.count, 1);
    EXPECT_EQ(seen.error, 0);
    EXPECT_EQ(after.gpr[EAX], *reg(8));
    EXPECT_EQ(caught.count, 0);
    page_unmap(HOLE);
}

static void end_interrupt(void)
{
    outb(0x20, 0x20);
}

static void pic_init(u8 mask)
{
    static const u8 words[] = {0x11, VEC_IRQ, 4, 1};

    outb(0x20, words[0]);
    for (u32 i = 1; i < ARRAY_LEN(words); i++)
        outb(0x21, words[i]);
    outb(0x21, mask);
}

void test_interrupt(void)
{
    pic_init(0xfe);
    set_gate(VEC_IRQ, SEL_A, TASK_GATE, 0);
    task_hook = end_interrupt;
    for (u32 i = 1; i <= 3; i++) {
        outb(0x43, 0x30);
        outb(0x40, 0x00);
        outb(0x40, 0x04);
        run_hlt();
        EXPECT_EQ(seen.count, i);
        EXPECT_EQ(main_tss.eflags & FLAG_IF, FLAG_IF);
        EXPECT_EQ(after.gpr[ESI], 0x7777a6a6);
    }
    EXPECT_EQ(seen.eflags & FLAG_IF, 0);
    EXPECT_EQ(caught.count, 0);
    outb(0x21, 0xff);
}

static void send_nmi(void)
{
    *reg(LAPIC_ICR_HI) = *reg(LAPIC_ID);
    *reg(LAPIC_ICR) = 0x4400;
    for (u32 i = 0; i < 100; i++) /* it may take a moment */
        (void)*reg(LAPIC_ID);
}

static u32 depth, deepest;

static void another_nmi(void)
{
    depth++;
    deepest = deepest > depth ? deepest : depth;
    task_hook = NULL;
    send_nmi(); /* blocked until the task's IRET */
    EXPECT_EQ(seen.count, 1);
    depth--;
}

void test_nmi(void)
{
    *reg(LAPIC_SVR) = 0x1ff;
    set_gate(VEC_NMI, SEL_A, TASK_GATE, 0);
    task_hook = another_nmi;
    depth = deepest = 0;
    send_nmi();
    EXPECT_EQ(seen.count, 2);
    EXPECT_EQ(deepest, 1);
    EXPECT_EQ(rights_of(SEL_A), TSS32);
    send_nmi(); /* not blocked any more */
    EXPECT_EQ(seen.count, 3);
    EXPECT_EQ(caught.count, 0);
}

void test_double_fault(void)
{
    idt[VEC_GP] &= ~(0x80ull << 40); /* #GP, and #NP of its gate */
    set_gate(VEC_DF, SEL_A, TASK_GATE, 0);
    task_a.eip = (u32)task_error_entry;
    task_hook = go_on;
    seen.error = 1;
    run_bad_load();
    EXPECT_EQ(seen.count, 1);
    EXPECT_EQ(seen.error, 0);
    EXPECT_EQ(seen.tr, SEL_A);
    EXPECT_EQ(after.gpr[EBX], 0x4444a3a3);
    EXPECT_EQ(caught.count, 0);
}

static void mend_stack(void)
{
    EXPECT_EQ(main_tss.gpr[ESP], HOLE + 0x800);
    main_tss.gpr[ESP] = good_stack;
    go_on();
}

/* #PF, for which nothing can be pushed either. */
void test_double_fault_of_a_bad_stack(void)
{
    if (paging == PAGING_OFF)
        return;
    page_unmap(HOLE);
    set_gate(VEC_DF, SEL_A, TASK_GATE, 0);
    task_a.eip = (u32)task_error_entry;
    task_hook = mend_stack;
    seen.error = 1;
    run_bad_stack(HOLE + 0x800);
    EXPECT_EQ(seen.count, 1);
    EXPECT_EQ(seen.error, 0);
    EXPECT_EQ(after.gpr[EBP], 0x6666a5a5);
    EXPECT_EQ(caught.count, 0);
}
