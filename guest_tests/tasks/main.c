/* Hardware tasks in 32-bit protected mode, without paging and with two kinds of it: switches by
 * instructions, by events, and what is wrong with them.  The same on the bare emulator.
 * SDM Vol. 3A, "Task Management". */
#include "guest_tests/tasks/tasks.h"
#include "guest_tests/tasks/tests.h"
#include "lib/mem.h"

NORETURN void tasks_main(void);

#define FLAGS_STATUS 0x8d5u /* what arithmetic changes */

static const u32 patterns[8] = {0x1111a0a0, 0x2222a1a1, 0x3333a2a2, 0x4444a3a3,
                                0,          0x6666a5a5, 0x7777a6a6, 0x8888a7a7};

/* In the registers, and where the main task was saved. */
static void expect_patterns(const u32 *gpr)
{
    for (u32 i = 0; i < ARRAY_LEN(patterns); i++)
        if (i != ESP)
            EXPECT_EQ(gpr[i], patterns[i]);
}

static void expect_start(const struct tss32 *tss)
{
    for (u32 i = 0; i < 8; i++)
        if (i != ESP)
            EXPECT_EQ(seen.gpr[i], 0xa0 + i);
    EXPECT_EQ(seen.cr0 & CR0_TS, CR0_TS);
    if (paging != PAGING_OFF)
        EXPECT_EQ(seen.cr3, tss->cr3);
    EXPECT_EQ(seen.own_rights, TSS32 | BUSY);
    EXPECT_EQ(seen.probe, paging == PAGING_OFF ? 0 : 0x9a9e0001);
}

/* Called and returned: as it was, and the main task did not notice. */
static void expect_nested(u32 selector, u32 count)
{
    EXPECT_EQ(seen.count, count);
    EXPECT_EQ(seen.tr, selector);
    EXPECT_EQ(seen.eflags & ~FLAGS_STATUS, FLAG_ONE | FLAG_NT);
    EXPECT_EQ(seen.main_rights, TSS32 | BUSY);
    EXPECT_EQ(rights_of(selector), TSS32);
    EXPECT_EQ(rights_of(SEL_MAIN), TSS32 | BUSY);
    EXPECT_EQ(task_register(), SEL_MAIN);
    EXPECT_EQ(caught.count, 0);
    EXPECT_EQ(after.eflags & FLAG_NT, 0);
    expect_patterns(after.gpr);
    expect_patterns(main_tss.gpr);
    EXPECT_EQ(main_tss.link, 0x1234);
}

void test_call(void)
{
    far_call(SEL_A);
    expect_start(&task_a);
    expect_nested(SEL_A, 1);
    EXPECT_EQ(task_a.link, SEL_MAIN);
    EXPECT_EQ(task_a.eflags & FLAG_NT, 0); /* IRET saves it cleared */
    EXPECT(task_a.eip > (u32)task_entry && task_a.eip < (u32)task_error_entry);
    for (u32 i = 0; i < 6; i++) {
        EXPECT_EQ(task_a.segment[i], i == CS ? SEL_CODE : SEL_DATA);
        EXPECT_EQ(main_tss.segment[i], i == CS ? SEL_CODE : SEL_DATA);
    }
    EXPECT_EQ(task_a.ldtr, SEL_LDT); /* neither is saved */
    EXPECT_EQ(task_a.cr3, paging_cr3(1));
    far_call(SEL_A); /* goes on behind its IRET */
    expect_nested(SEL_A, 2);
}

void test_jump(void)
{
    task_a.eip = (u32)task_jump_entry;
    far_jump(SEL_A);
    EXPECT_EQ(seen.count, 1);
    EXPECT_EQ(seen.tr, SEL_A);
    EXPECT_EQ(seen.eflags, FLAG_ONE);
    EXPECT_EQ(seen.main_rights, TSS32); /* not busy any more */
    EXPECT_EQ(task_a.link, 0x5555);
    EXPECT_EQ(rights_of(SEL_A), TSS32);
    EXPECT_EQ(rights_of(SEL_MAIN), TSS32 | BUSY);
    expect_start(&task_a);
    expect_patterns(after.gpr);
    EXPECT_EQ(caught.count, 0);
}

void test_task_gates(void)
{
    far_call(SEL_GATE);
    expect_nested(SEL_A, 1);
    far_call(SEL_LOCAL_GATE);
    expect_nested(SEL_A, 2);
    task_a.eip = (u32)task_jump_entry;
    far_jump(SEL_GATE);
    EXPECT_EQ(seen.count, 3);
    EXPECT_EQ(seen.eflags & ~FLAGS_STATUS, FLAG_ONE);
    EXPECT_EQ(rights_of(SEL_A), TSS32);
}

static void call_b(void)
{
    task_hook = NULL;
    EXPECT_EQ(seen.tr, SEL_A);
    far_call(SEL_B);
    EXPECT_EQ(seen.tr, SEL_B);
    EXPECT_EQ(task_b.link, SEL_A);
    EXPECT_EQ(rights_of(SEL_A), TSS32 | BUSY);
    EXPECT_EQ(rights_of(SEL_B), TSS32);
}

void test_nested_tasks(void)
{
    task_hook = call_b;
    far_call(SEL_A);
    EXPECT_EQ(seen.count, 2);
    EXPECT_EQ(rights_of(SEL_A), TSS32);
    EXPECT_EQ(task_a.link, SEL_MAIN);
    EXPECT_EQ(task_register(), SEL_MAIN);
}

void test_many_switches(void)
{
    for (u32 i = 1; i <= 1000; i++) {
        far_call(i & 1 ? SEL_A : SEL_B);
        if (seen.count != i || seen.tr != (i & 1 ? SEL_A : SEL_B))
            break;
    }
    EXPECT_EQ(seen.count, 1000);
    expect_patterns(after.gpr);
}

/* SDM Vol. 3B, "Debug Control Register (DR7)". */
void test_local_breakpoints_end(void)
{
    __asm__ volatile("mov %0, %%dr7" : : "r"(0x555));
    far_call(SEL_A);
    EXPECT_EQ(seen.dr7, 0x400);
    __asm__ volatile("mov %%dr7, %0" : "=r"(seen.dr7));
    EXPECT_EQ(seen.dr7, 0x400);
}

void test_debug_trap(void)
{
    task_a.trap = 1;
    far_call(SEL_A);
    EXPECT_EQ(seen.count, 0);
    EXPECT_EQ(caught.count, 1);
    EXPECT_EQ(caught.vector, 1);
    EXPECT_EQ(caught.tr, SEL_A);
    EXPECT_EQ(caught.eip, (u32)task_entry);
    EXPECT_EQ(caught.dr6 & 0xe00f, 0x8000); /* BT */
    EXPECT_EQ(caught.eflags, FLAG_ONE | FLAG_NT);
    EXPECT_EQ(rights_of(SEL_A), TSS32);
}

/* ---------------------------------------------------------------- rings and modes */

void test_ring_3(void)
{
    static const u16 user[6] = {
        SEL_USER_DATA | 3, SEL_USER_CODE | 3, SEL_USER_DATA | 3, SEL_USER_DATA | 3, 0,
        SEL_USER_DATA | 3};

    for (u32 i = 0; i < 6; i++)
        task_a.segment[i] = user[i];
    task_a.eip = (u32)task_user_entry;
    far_call(SEL_A);
    EXPECT_EQ(seen.count, 1);
    EXPECT_EQ(caught.vector, 0x61);
    EXPECT_EQ(caught.cs, SEL_USER_CODE | 3);
    EXPECT_EQ(caught.ss, SEL_USER_DATA | 3);
    EXPECT_EQ(caught.esp, seen.gpr[ESP]);
    EXPECT_EQ(caught.eflags, FLAG_ONE | FLAG_NT);
    expect_patterns(after.gpr);
    for (u32 i = 0; i < 6; i++)
        task_a.segment[i] = user[i];
    task_a.eip = (u32)task_leaves_entry;
    task_a.gpr[ESP] = seen.gpr[ESP];
    far_call(SEL_A);
    EXPECT_EQ(seen.count, 2);
    EXPECT_EQ(caught.count, 1);
    EXPECT_EQ(task_a.segment[CS], SEL_USER_CODE | 3);
    EXPECT_EQ(task_register(), SEL_MAIN);
}

void test_virtual_8086(void)
{
    u8 *const code = (u8 *)0x8000;
    const u32 iopl3 = 3u << 12;

    memcpy(code, v86_entry, (size_t)(v86_end - v86_entry));
    for (u32 i = 0; i < 6; i++)
        task_a.segment[i] = 0x700 + i;
    task_a.segment[CS] = 0x800;
    task_a.eip = 0;
    task_a.gpr[ESP] = 0x1000;
    task_a.eflags = FLAG_ONE | FLAG_VM | iopl3;
    far_call(SEL_A);
    EXPECT_EQ(caught.count, 1);
    EXPECT_EQ(caught.vector, 0x61);
    EXPECT_EQ(caught.cs, 0x800);
    EXPECT_EQ(caught.eip, (u32)(v86_end - v86_entry));
    EXPECT_EQ(caught.eflags, FLAG_ONE | FLAG_VM | FLAG_NT | iopl3);
    EXPECT_EQ(caught.ss, 0x700 + SS);
    EXPECT_EQ(caught.esp, 0x1000);
    EXPECT_EQ(caught.es, 0x700 + ES);
    EXPECT_EQ(caught.ds, 0x700 + DS);
    EXPECT_EQ(caught.fs, 0x700 + FS);
    EXPECT_EQ(caught.gs, 0x700 + GS);
    expect_patterns(after.gpr);
}

static void expect_task16(u32 count)
{
    EXPECT_EQ(seen.count, count);
    for (u32 i = 0; i < 8; i++)
        if (i != ESP)
            EXPECT_EQ(seen.gpr[i], 0xffff00b0 + i);
    EXPECT_EQ(seen.eflags, FLAG_ONE | FLAG_NT);
    EXPECT_EQ(task_16.link, SEL_MAIN);
    EXPECT_EQ(rights_of(SEL_TSS16), TSS16);
    EXPECT_EQ(task_register(), SEL_MAIN);
    expect_patterns(after.gpr);
}

void test_16_bit_task(void)
{
    far_call(SEL_TSS16);
    expect_task16(1);
    EXPECT_EQ(task_16.segment[CS], SEL_CODE16);
    EXPECT_EQ(task_16.segment[SS], SEL_STACK16);
    EXPECT(task_16.ip > 0);
    set_gate(13, SEL_TSS16, TASK_GATE, 0); /* with an error code of 16 bits */
    task_16.ip = (u16)(task16_error_entry - task16_entry);
    task_16.gpr[ESP] = 0x1000;
    run_bad_load();
    EXPECT_EQ(seen.error, 0xfff8);
    EXPECT_EQ(seen.gpr[ESP] & 0xffff, 0x1000);
    EXPECT_EQ(seen.count, 2);
}

static const struct {
    void (*run)(void);
    const char *name;
} tests[] = {
    {test_call, "call"},
    {test_jump, "jump"},
    {test_task_gates, "task_gates"},
    {test_nested_tasks, "nested_tasks"},
    {test_many_switches, "many_switches"},
    {test_local_breakpoints_end, "local_breakpoints_end"},
    {test_debug_trap, "debug_trap"},
    {test_ring_3, "ring_3"},
    {test_virtual_8086, "virtual_8086"},
    {test_16_bit_task, "16_bit_task"},
    {test_software_interrupts, "software_interrupts"},
    {test_error_code, "error_code"},
    {test_page_fault, "page_fault"},
    {test_interrupt, "interrupt"},
    {test_nmi, "nmi"},
    {test_double_fault, "double_fault"},
    {test_double_fault_of_a_bad_stack, "double_fault_of_a_bad_stack"},
    {test_not_begun, "not_begun"},
    {test_tss_not_in_memory, "tss_not_in_memory"},
    {test_bad_new_state, "bad_new_state"},
    {test_bad_error_push, "bad_error_push"},
};
static const char *const modes[PAGINGS] = {"", "paging_", "pae_"};

static bool run(u32 number, u32 mode, u32 n)
{
    char name[64];
    size_t at = 0;

    for (const char *from = modes[mode]; *from; from++)
        name[at++] = *from;
    for (const char *from = tests[n].name; *from && at < sizeof(name) - 1; from++)
        name[at++] = *from;
    name[at] = '\0';
    world_reset();
    tests[n].run();
    return test_result(number, name);
}

void tasks_main(void)
{
    u32 failed = 0, number = 0;

    console_init();
    world_init();
    for (u32 mode = 0; mode < PAGINGS; mode++) {
        paging_begin((enum paging)mode);
        for (u32 n = 0; n < ARRAY_LEN(tests); n++)
            failed += run(++number, mode, n) ? 0 : 1;
        if (mode != PAGING_OFF)
            paging_end();
    }
    test_plan(number);
    guest_exit((u8)failed);
}
