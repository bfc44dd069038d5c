/* Task switches: each way into a task, what goes wrong before and after it has begun, and that what
 * comes of any table can be entered. */
#include "tools/unit/task_dumb.h"

#define NT          RFLAGS_NT
#define BLOCKED_NMI 8u
#define DE          EVENT(EVENT_TYPE_HW_EXC, 0)
#define GP          (EVENT(EVENT_TYPE_HW_EXC, 13) | WITH_ERROR)
#define ROUNDS      1000000u

static u32 rights_in_gdt(u32 selector)
{
    return (u32)(*gdt_entry(selector) >> 40) & 0xff;
}

static void assert_in_new_task(bool nested)
{
    for (u32 i = 0; i < 8; i++)
        if (i != RSP)
            assert_int_equal(r[i], 0xe0 + i);
    assert_int_equal(now(GS_RIP), 0x6000);
    assert_int_equal(now(GS_RFLAGS), 2 | (nested ? NT : 0));
    assert_int_equal(now(GS_TR_SEL), S_NEW);
    assert_int_equal(now(GS_TR_BASE), NEW_AT);
    assert_int_equal(now(GS_TR_LIMIT), 103);
    assert_int_equal(now(GS_TR_AR), 0x8b);
    assert_int_equal(now(GS_LDTR_SEL), S_LDT);
    assert_int_equal(now(GS_LDTR_BASE), LDT_AT);
    assert_int_equal(now(GS_LDTR_AR), 0x82);
    assert_int_equal(now(GS_CS_SEL), S_CODE);
    assert_int_equal(now(GS_CS_AR), 0xc09b);
    assert_int_equal(now(GS_SS_AR), 0xc093);
    assert_true(now(GS_CR0) & CR0_TS);
    assert_int_equal(now(GS_DR7), 0x400 | DR7_G0);
    assert_int_equal(v->pending.info, 0);
}

static void test_calls(void **state)
{
    // clang-format off
    static const struct {
        enum qual_task_source source; u32 idt; u32 eip; bool nested, old_busy; u64 flags, saved, blocked, left;
    } cases[] = {
        {QUAL_TASK_CALL, 0,                                RIP + 7, true,  true,  2,      2,      3, 0},
        {QUAL_TASK_JMP,  0,                                RIP + 7, false, false, 2 | NT, 2 | NT, 8, 8},
        {QUAL_TASK_IRET, 0,                                RIP + 7, false, false, 2 | NT, 2,      8, 0},
        {QUAL_TASK_GATE, EVENT(EVENT_TYPE_SW_INT, 0x60),   RIP + 7, true,  true,  2,      2,      0, 0},
        {QUAL_TASK_GATE, EVENT(EVENT_TYPE_SW_EXC, 3),      RIP + 7, true,  true,  2,      2,      0, 0},
        {QUAL_TASK_GATE, EVENT(EVENT_TYPE_PRIV_SW_EXC, 1), RIP + 7, true,  true,  2,      2,      0, 0},
        {QUAL_TASK_GATE, EVENT(EVENT_TYPE_EXT_INT, 0x20),  RIP,     true,  true,  2 | NT, 2 | NT, 1, 0},
        {QUAL_TASK_GATE, EVENT(EVENT_TYPE_NMI, 2),         RIP,     true,  true,  2,      2,      0, 8},
        {QUAL_TASK_GATE, DE,                               RIP,     true,  true,  2,      2,      0, 0},
    };
    // clang-format on
    (void)state;
    for (enum mode to = FLAT32; to <= PAE; to++)
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            const bool back = cases[i].source == QUAL_TASK_IRET;

            task_guest(to);
            vmcs(GS_RFLAGS, cases[i].flags);
            vmcs(GS_INTERRUPTIBILITY, cases[i].blocked);
            vmcs(GS_PENDING_DEBUG, BIT(14));
            if (back)
                *gdt_entry(S_NEW) |= 2ull << 40;
            assert_int_equal(task_switch_to(S_NEW, cases[i].source, cases[i].idt, 0), RESUME);
            assert_in_new_task(cases[i].nested);
            assert_int_equal(now(GS_RSP), STACK);
            assert_int_equal(now(GS_INTERRUPTIBILITY), cases[i].left);
            assert_int_equal(now(GS_PENDING_DEBUG), 0);
            assert_int_equal(old_tss()[T_EIP], cases[i].eip);
            assert_int_equal(old_tss()[T_EFLAGS], cases[i].saved);
            assert_int_equal(old_tss()[T_EAX + 3], 0xc3);
            assert_int_equal(old_tss()[T_ESP], 0x7000);
            assert_int_equal(old_tss()[T_CS], S_CODE);
            assert_int_equal(new_tss()[T_LINK], cases[i].nested ? S_OLD : 0);
            assert_int_equal(rights_in_gdt(S_OLD), cases[i].old_busy ? 0x8b : 0x89);
            assert_int_equal(rights_in_gdt(S_NEW), 0x8b);
            assert_int_equal(fake_cpu.invvpids, to >= PAGED32);
        }
}

static void test_error_code(void **state)
{
    (void)state;
    task_guest(PAGED32);
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_GATE, GP, 0x1234), RESUME);
    assert_in_new_task(true);
    assert_int_equal(now(GS_RSP), STACK - 4);
    assert_int_equal(*(u32 *)ram(STACK - 4), 0x1234);

    task_guest(PAGED32); /* no room: #PF while #GP is delivered */
    map(STACK - PAGE_SIZE, 0, 0);
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_GATE, GP, 0x1234), RESUME);
    assert_int_equal(v->pending.info, 0x80000b0e); /* a contributory exception and #PF: serial */
    assert_int_equal(fake_cpu.cr2, STACK - 4);
    assert_int_equal(now(GS_TR_SEL), S_NEW);
    assert_int_equal(now(GS_RSP), STACK);

    task_guest(PAGED32); /* #SS while #GP is delivered */
    *gdt_entry(S_ODD) = make_descriptor(0, 0xfff, 0x93, 4);
    new_tss()[T_SS] = S_ODD;
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_GATE, GP, 0), RESUME);
    assert_int_equal(v->pending.info, 0x80000b08);
    assert_int_equal(v->pending.error, 0);

    task_guest(PAGED32); /* while #DF is: shutdown */
    *gdt_entry(S_ODD) = make_descriptor(0, 0xfff, 0x93, 4);
    new_tss()[T_SS] = S_ODD;
    assert_int_equal(
        task_switch_to(S_NEW, QUAL_TASK_GATE, EVENT(EVENT_TYPE_HW_EXC, 8) | WITH_ERROR, 0), RESUME);
    assert_true(v->triple_fault);
}

static void test_debug_trap(void **state)
{
    (void)state;
    task_guest(FLAT32);
    new_tss()[T_TRAP] = 1;
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), RESUME);
    assert_int_equal(v->pending.info, 0x80000301);
    assert_int_equal(fake_cpu.dr6, DR6_INIT | DR6_BT);
    assert_int_equal(now(GS_RFLAGS), 2 | NT); /* a trap: without RF */
}

/* ------------------------------------------------------------ before the new task begins */

static void absent(u64 gpa)
{
    map(gpa & ~0xfffull, 0, 0);
}

static void read_only(u64 gpa)
{
    map(gpa & ~0xfffull, gpa & ~0xfffull, PTE_P);
}

static const struct before {
    u32 selector;
    enum qual_task_source source;
    u64 descriptor;    /* 0: as it is */
    void (*page)(u64); /* done to the page at `at` */
    u64 at;
    u32 vector, error;
} befores[] = {
    {S_NEW | 4, QUAL_TASK_CALL, 0, NULL, 0, VEC_GP, S_NEW | 4},
    {0, QUAL_TASK_CALL, 0, NULL, 0, VEC_GP, 0},
    {GDT_BYTES, QUAL_TASK_CALL, 0, NULL, 0, VEC_GP, GDT_BYTES},
    {GDT_BYTES, QUAL_TASK_IRET, 0, NULL, 0, VEC_TS, GDT_BYTES},
    {S_NEW, QUAL_TASK_IRET, 0, NULL, 0, VEC_TS, S_NEW}, /* not busy */
    {S_OLD, QUAL_TASK_JMP, 0, NULL, 0, VEC_GP, S_OLD},  /* busy */
    {S_DATA, QUAL_TASK_JMP, 0, NULL, 0, VEC_GP, S_DATA},
    {S_NEW, QUAL_TASK_CALL, 0x0000090000000067, NULL, 0, VEC_NP, S_NEW},
    {S_NEW, QUAL_TASK_CALL, 0x0000890000000066, NULL, 0, VEC_TS, S_NEW},
    {S_NEW, QUAL_TASK_CALL, 0x000081000000002a, NULL, 0, VEC_TS, S_NEW},
    {S_NEW, QUAL_TASK_CALL, 0, absent, GDT_AT, VEC_PF, 0},
    {S_NEW, QUAL_TASK_CALL, 0, read_only, GDT_AT, VEC_PF, 3},
    {S_NEW, QUAL_TASK_CALL, 0, absent, NEW_AT, VEC_PF, 2},
    {S_NEW, QUAL_TASK_JMP, 0, absent, NEW_AT, VEC_PF, 0},
    {S_NEW, QUAL_TASK_JMP, 0, absent, NEW_AT + 103, VEC_PF, 0},
    {S_NEW, QUAL_TASK_CALL, 0, read_only, NEW_AT, VEC_PF, 3},
    {S_NEW, QUAL_TASK_CALL, 0, absent, OLD_AT, VEC_PF, 2},
    {S_NEW, QUAL_TASK_JMP, 0, read_only, OLD_AT, VEC_PF, 3},
};

static u8 ram_before[RAM_END - GDT_AT];

/* RF alone is set; no byte has changed. */
static void assert_nothing_happened(void)
{
    assert_memory_equal(ram(GDT_AT), ram_before, sizeof(ram_before));
    for (u32 f = 0; f < GS_COUNT; f++)
        if (f != GS_RFLAGS)
            assert_int_equal(now((enum guest_field)f), fake_cpu.vmcs[f]);
    assert_int_equal(now(GS_RFLAGS), fake_cpu.vmcs[GS_RFLAGS] | RFLAGS_RF);
    for (u32 i = 0; i < 8; i++)
        assert_int_equal(r[i], 0xc0 + i);
}

static void test_faults_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(befores); i++) {
        const struct before *b = &befores[i];

        for (u32 cpl = 0; cpl <= 3; cpl += 3) { /* accesses of the system's at any CPL */
            task_guest(PAGED32);
            set_cpl(cpl);
            exited();
            if (b->descriptor)
                *gdt_entry(S_NEW) = b->descriptor;
            if (b->page)
                b->page(b->at);
            memcpy(ram_before, ram(GDT_AT), sizeof(ram_before));
            assert_int_equal(task_switch_to(b->selector, b->source, 0, 0), RESUME);
            assert_nothing_happened();
            assert_int_equal(v->pending.info & 0xff, b->vector);
            assert_int_equal(v->pending.error, b->error);
        }
    }
}

/* EXT, and double faults. */
static void test_faults_in_delivery(void **state)
{
    static const struct {
        u32 idt, info, error;
    } cases[] = {
        {EVENT(EVENT_TYPE_SW_INT, 0x60), 0x80000b0b, S_NEW},
        {EVENT(EVENT_TYPE_SW_EXC, 3), 0x80000b0b, S_NEW},
        {EVENT(EVENT_TYPE_PRIV_SW_EXC, 1), 0x80000b0b, S_NEW | 1},
        {EVENT(EVENT_TYPE_EXT_INT, 0x20), 0x80000b0b, S_NEW | 1},
        {EVENT(EVENT_TYPE_HW_EXC, 6), 0x80000b0b, S_NEW | 1},
        {EVENT(EVENT_TYPE_HW_EXC, 14) | WITH_ERROR, 0x80000b08, 0},
        {GP, 0x80000b08, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        task_guest(FLAT32);
        *gdt_entry(S_NEW) &= ~(0x80ull << 40);
        memcpy(ram_before, ram(GDT_AT), sizeof(ram_before));
        assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_GATE, cases[i].idt, 0), RESUME);
        assert_nothing_happened();
        assert_int_equal(v->pending.info, cases[i].info);
        assert_int_equal(v->pending.error, cases[i].error);
    }
}

static void test_a_short_old_tss(void **state)
{
    (void)state;
    task_guest(FLAT32);
    vmcs(GS_TR_LIMIT, 94);
    memcpy(ram_before, ram(GDT_AT), sizeof(ram_before));
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), RESUME);
    assert_nothing_happened();
    assert_int_equal(v->pending.info, 0x80000b0a);
    assert_int_equal(v->pending.error, S_OLD);
}

static void test_not_in_memory(void **state)
{
    (void)state;
    task_guest(FLAT32);
    *gdt_entry(S_NEW) = make_descriptor(0xc0000000, 103, 0x89, 0);
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), KILL);
    task_guest(FLAT32);
    vmcs(GS_GDTR_BASE, 0xa0000);
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), KILL);
    task_guest(FLAT32);
    vmcs(GS_TR_BASE, 0xffffffc0);
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), KILL);
    task_guest(LONG); /* there are none */
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), KILL);
    task_guest(PAGED32); /* a CR3 that is elsewhere: segments cannot be read */
    new_tss()[T_CR3] = 0xc0000000;
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), KILL);
}

/* ------------------------------------------------------------ in the new task */

static void test_faults_after(void **state)
{
    (void)state;
    task_guest(PAE); /* a PDPTE with a reserved bit */
    new_tss()[T_CR3] = 0x45000;
    *(u64 *)ram(0x45000) = PTE_P | PTE_W;
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), RESUME);
    assert_int_equal(v->pending.info, 0x80000b0d);
    assert_int_equal(v->pending.error, 0);
    assert_int_equal(now(GS_TR_SEL), S_NEW);

    task_guest(FLAT32); /* EIP */
    *gdt_entry(S_ODD) = make_descriptor(0, 0x5fff, 0x9b, 4);
    new_tss()[T_CS] = S_ODD;
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), RESUME);
    assert_int_equal(v->pending.info, 0x80000b0d);
    assert_int_equal(v->pending.error, 0);
    assert_int_equal(now(GS_RIP), 0x6000);

    task_guest(FLAT32); /* without a stack: CPL 3 */
    new_tss()[T_SS] = 0;
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), RESUME);
    assert_int_equal(v->pending.info, 0x80000b0a);
    assert_int_equal(now(GS_SS_AR), 0x10060);
    assert_int_equal(now(GS_RFLAGS), 2 | NT | RFLAGS_RF);

    task_guest(PAGED32); /* a descriptor's page */
    vmcs(GS_GDTR_LIMIT, 0x1fff);
    map(GDT_AT + PAGE_SIZE, 0, 0);
    new_tss()[T_FS] = 0x1000;
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), RESUME);
    assert_page_fault(GDT_AT + 0x1000, 0);
    assert_int_equal(now(GS_TR_SEL), S_NEW);

    task_guest(PAGED32); /* accessed is set where it was not */
    *gdt_entry(S_ODD) = make_descriptor(0, 0xfffff, 0x92, 12);
    new_tss()[T_ES] = S_ODD;
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), RESUME);
    assert_int_equal(rights_in_gdt(S_ODD), 0x93);
    assert_int_equal(now(GS_ES_AR), 0xc093);
}

static void test_virtual_8086(void **state)
{
    (void)state;
    task_guest(FLAT32);
    new_tss()[T_EFLAGS] = 2 | (u32)RFLAGS_VM;
    for (u32 n = 0; n < 6; n++)
        new_tss()[T_ES + n] = 0x1000 + n;
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), RESUME);
    assert_int_equal(v->pending.info, 0);
    for (u32 n = 0; n < 6; n++) {
        assert_int_equal(now((enum guest_field)(GS_ES_SEL + n)), 0x1000 + n);
        assert_int_equal(now((enum guest_field)(GS_ES_BASE + n)), 0x10000 + n * 16);
        assert_int_equal(now((enum guest_field)(GS_ES_LIMIT + n)), 0xffff);
        assert_int_equal(now((enum guest_field)(GS_ES_AR + n)), 0xf3);
    }
}

static void test_the_clock(void **state)
{
    (void)state;
    task_guest(FLAT32);
    v->deadline = 5000;
    x.tsc = 5001;
    assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_GATE, DE, 0), RESUME);
    assert_true(v->todo & TODO_BOARD);
}

/* ------------------------------------------------------------ against a dumb model */

static u32 seed = 1;

static u32 below(u32 n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 16) % n;
}

static void spoil(void)
{
    static const u16 selectors[] = {0,     S_CODE, S_DATA, S_CODE3, S_DATA3, S_OLD,
                                    S_LDT, S_ODD,  4,      0xc,     0x14,    GDT_BYTES};

    *gdt_entry(S_ODD) = make_descriptor(0, 0xfffff, below(256), 8 | below(8));
    *(u64 *)ram(LDT_AT + 8) = make_descriptor(0, 0xfffff, below(256), 12);
    for (u32 i = below(3); i < 3; i++)
        new_tss()[T_ES + below(7)] = selectors[below(ARRAY_LEN(selectors))] | below(4) * below(2);
    if (below(8) == 0)
        new_tss()[T_EFLAGS] |= (u32)RFLAGS_VM;
}

/* SDM Vol. 3C, "Checks on Guest Segment Registers", as far as a switch can break them: what
 * tools/unit/fuzz_task.c holds against the checker is said once more. */
static void assert_can_be_entered(void)
{
    const u64 cs = now(GS_CS_AR), ss = now(GS_SS_AR), dpl = ss >> 5 & 3;

    assert_int_equal(now(GS_RFLAGS) & 0xffffffffffc08028, 0);
    assert_int_equal(now(GS_TR_AR) & 0xff, 0x8b);
    if (now(GS_RFLAGS) & RFLAGS_VM)
        return;
    assert_int_equal(cs & 0x1009f, (cs & 0x9f) | 0);
    assert_int_equal(cs & 0x99, 0x99);
    assert_true(cs & 4 ? (cs >> 5 & 3) <= dpl : (cs >> 5 & 3) == dpl);
    assert_true((ss & 0x10000) || (ss & 0x9b) == 0x93);
}

static void test_any_switch_can_be_entered(void **state)
{
    u32 good = 0, bad = 0;

    (void)state;
    task_guest(FLAT32);
    for (u32 i = 0; i < ROUNDS; i++) {
        fill_tables();
        fill_new_tss();
        spoil();
        exited();
        v->pending = (struct event){0};
        v->triple_fault = false;
        const u32 want = dumb_switch();

        assert_int_equal(task_switch_to(S_NEW, QUAL_TASK_CALL, 0, 0), RESUME);
        if (want) {
            assert_int_equal(v->pending.info, 0x80000b00 | want >> 16);
            assert_int_equal(v->pending.error, want & 0xffff);
            bad++;
        } else {
            assert_int_equal(v->pending.info, 0);
            good++;
        }
        assert_can_be_entered();
    }
    assert_true(good > ROUNDS / 20 && bad > ROUNDS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_error_code),
        cmocka_unit_test(test_debug_trap),
        cmocka_unit_test(test_faults_before),
        cmocka_unit_test(test_faults_in_delivery),
        cmocka_unit_test(test_a_short_old_tss),
        cmocka_unit_test(test_not_in_memory),
        cmocka_unit_test(test_faults_after),
        cmocka_unit_test(test_virtual_8086),
        cmocka_unit_test(test_the_clock),
        cmocka_unit_test(test_any_switch_can_be_entered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
