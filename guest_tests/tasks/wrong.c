/* Task switches that fail: before the new task begins, in the old one, which has not changed; after
 * that, in the new one.  SDM Vol. 3A, table "Exception Conditions Checked During a Task Switch". */
#include "guest_tests/tasks/tasks.h"
#include "guest_tests/tasks/tests.h"

#define VEC_TS 10u
#define VEC_NP 11u
#define VEC_SS 12u
#define VEC_GP 13u
#define VEC_PF 14u

static void expect_fault(u32 vector, u32 error, u32 tr)
{
    EXPECT_EQ(caught.count, 1);
    EXPECT_EQ(caught.vector, vector);
    EXPECT_EQ(caught.error, error);
    EXPECT_EQ(caught.tr, tr);
    EXPECT_EQ(seen.count, 0);
    EXPECT_EQ(task_register(), SEL_MAIN);
    EXPECT_EQ(rights_of(SEL_MAIN), TSS32 | BUSY);
    EXPECT_EQ(after.gpr[EDX], 0x3333a2a2);
}

/* Most of these the processor itself checks, before there is an exit. */
void test_not_begun(void)
{
    const u32 tss = (u32)&task_a, last = sizeof(task_a) - 1;
    const struct {
        u64 descriptor;
        u32 vector;
    } cases[] = {
        {descriptor(tss, last, TSS32 | BUSY, SMALL), VEC_GP},
        {descriptor(tss, last, TSS32 & ~ABSENT, SMALL), VEC_NP},
        {descriptor(tss, last - 1, TSS32, SMALL), VEC_TS},
        {descriptor(tss, 42, TSS16, SMALL), VEC_TS},
        {descriptor(tss, last, LDT, SMALL), VEC_GP},
    };

    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        world_reset();
        gdt[SEL_A / 8] = cases[i].descriptor;
        far_call(SEL_A);
        expect_fault(cases[i].vector, SEL_A, SEL_MAIN);
        EXPECT_EQ(gdt[SEL_A / 8], cases[i].descriptor);
        EXPECT_EQ(task_a.link, 0x5555);
    }
    world_reset();
    main_tss.link = SEL_A; /* IRET wants a busy one */
    run_iret();
    expect_fault(VEC_TS, SEL_A, SEL_MAIN);
    world_reset();
    main_tss.link = SEL_A | 4; /* of the LDT */
    run_iret();
    expect_fault(VEC_TS, SEL_A | 4, SEL_MAIN);
}

/* It begins in a page that is there and ends in one that is not. */
void test_tss_not_in_memory(void)
{
    const u32 cr2 = HOLE;

    if (paging == PAGING_OFF)
        return;
    page_unmap(HOLE);
    for (u32 before = 0; before <= 0x40; before += 0x40) {
        world_reset();
        gdt[SEL_A / 8] = descriptor(HOLE - before, sizeof(task_a) - 1, TSS32, SMALL);
        far_call(SEL_A);
        EXPECT_EQ(caught.vector, VEC_PF);
        EXPECT(caught.cr2 >= cr2 && caught.cr2 < cr2 + sizeof(task_a));
        EXPECT_EQ(caught.error & ~2u, 0); /* of a read or a write */
        EXPECT_EQ(caught.tr, SEL_MAIN);
        EXPECT_EQ(rights_of(SEL_A), TSS32);
        EXPECT_EQ(seen.count, 0);
    }
    world_reset(); /* and now it is */
    page_map(HOLE, (u32)&task_a & ~0xfffu);
    gdt[SEL_A / 8] = descriptor(HOLE + ((u32)&task_a & 0xfff), sizeof(task_a) - 1, TSS32, SMALL);
    far_call(SEL_A);
    EXPECT_EQ(seen.count, 1);
    EXPECT_EQ(caught.count, 0);
    page_unmap(HOLE);
}

/* What the new TSS names, an odd descriptor in the GDT, and what comes of it. */
static const struct wrong {
    u32 segment; /* 6: LDTR */
    u32 selector;
    u32 rights; /* of SEL_ODD */
    u32 vector;
} wrongs[] = {
    {6, SEL_LDT | 4, 0, VEC_TS},
    {6, SEL_END, 0, VEC_TS},
    {6, SEL_ODD, DATA0, VEC_TS},
    {6, SEL_ODD, LDT & ~ABSENT, VEC_TS},
    {SS, 0, 0, VEC_TS},
    {SS, SEL_END, 0, VEC_TS},
    {SS, SEL_ODD, 0x91, VEC_TS}, /* read-only */
    {SS, SEL_ODD, CODE0, VEC_TS},
    {SS, SEL_DATA | 3, 0, VEC_TS},
    {SS, SEL_USER_DATA | 3, 0, VEC_TS},
    {SS, SEL_ODD, DATA0 & ~ABSENT, VEC_SS},
    {CS, 0, 0, VEC_TS},
    {CS, SEL_END, 0, VEC_TS},
    {CS, SEL_DATA, 0, VEC_TS},
    {CS, SEL_USER_CODE, 0, VEC_TS},
    {CS, SEL_ODD, 0xff, VEC_TS}, /* conforming, DPL 3 */
    {CS, SEL_ODD, CODE0 & ~ABSENT, VEC_NP},
    {DS, SEL_END, 0, VEC_TS},
    {DS, SEL_A, 0, VEC_TS},
    {DS, SEL_ODD, 0x99, VEC_TS}, /* execute-only */
    {DS, SEL_DATA | 3, 0, VEC_TS},
    {ES, SEL_ODD, DATA0 & ~ABSENT, VEC_NP},
    {FS, SEL_ODD, 0x9b & ~ABSENT, VEC_NP},
    {GS, SEL_ODD | 4, 0, VEC_TS}, /* beyond the LDT */
};

void test_bad_new_state(void)
{
    for (u32 i = 0; i < ARRAY_LEN(wrongs); i++) {
        const struct wrong *w = &wrongs[i];

        world_reset();
        gdt[SEL_ODD / 8] = descriptor(0, 0xfffff, w->rights, FLAT);
        if (w->segment == 6)
            task_a.ldtr = w->selector;
        else
            task_a.segment[w->segment] = w->selector;
        far_call(SEL_A);
        expect_fault(w->vector, w->selector & ~3u, SEL_A);
        EXPECT_EQ(task_a.link, SEL_MAIN);
        EXPECT_EQ(rights_of(SEL_A), TSS32);
        EXPECT_EQ(caught.eip, (u32)task_entry);
    }
    world_reset(); /* EIP beyond the code segment */
    gdt[SEL_ODD / 8] = descriptor((u32)task_entry, 15, CODE0, 4);
    task_a.eip = 16;
    task_a.segment[CS] = SEL_ODD;
    far_call(SEL_A);
    expect_fault(VEC_GP, 0, SEL_A);
    world_reset(); /* good ones that are odd: conforming code, readable code as data */
    gdt[SEL_ODD / 8] = descriptor(0, 0xfffff, 0x9e, FLAT);
    task_a.segment[CS] = task_a.segment[DS] = SEL_ODD;
    task_a.segment[FS] = 0;
    task_a.eip = (u32)task_leaves_entry;
    task_a.segment[DS] = SEL_DATA;
    task_a.segment[GS] = SEL_ODD;
    far_call(SEL_A);
    EXPECT_EQ(seen.count, 1);
    EXPECT_EQ(caught.count, 0);
    EXPECT_EQ(rights_of(SEL_ODD), 0x9f); /* accessed */
}

/* From B to A, whose stack is good now, and which goes on and returns to the main task. */
static void mend_a(void)
{
    task_hook = NULL;
    task_a.gpr[ESP] = task_a.esp0;
    task_a.eip = (u32)task_leaves_entry;
    main_tss.eip = resume;
    resume = 0;
}

/* The error code finds no room on the new task's stack: #SS or #PF while #GP is delivered, which
 * makes #DF, in the new task, with a task as its handler. */
void test_bad_error_push(void)
{
    if (paging == PAGING_OFF)
        return;
    page_unmap(HOLE);
    set_gate(VEC_GP, SEL_A, TASK_GATE, 0);
    set_gate(8, SEL_B, TASK_GATE, 0);
    task_a.eip = (u32)task_entry;
    task_a.gpr[ESP] = HOLE + 0x100;
    task_b.eip = (u32)task_error_entry;
    task_hook = mend_a;
    run_bad_load();
    EXPECT_EQ(seen.count, 2);
    EXPECT_EQ(seen.tr, SEL_B);
    EXPECT_EQ(seen.error, 0);
    EXPECT_EQ(task_b.link, SEL_A);
    EXPECT_EQ(task_a.link, SEL_MAIN);
    EXPECT_EQ(caught.count, 0);
}
