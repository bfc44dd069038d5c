/* EPT violations: instructions on the open bus and across its edges, and what must not be
 * emulated.  The decoder and the arithmetic have their own tests. */
#include "tools/unit/mmio_guest.h"

/* ---------------------------------------------------------------- one operand */

static void test_forms_on_the_open_bus(void **state)
{
    const u64 old = 0x1122334455667788;
    // clang-format off
    static const struct {
        const char *bytes; size_t len; u64 qual, want_rax; u64 want_flags;
    } cases[] = {
        { CODE("\x8a\x03"),                 READ,         0x11223344556677ff, 0 },    /* mov al, [rbx] */
        { CODE("\x8a\x23"),                 READ,         0x112233445566ff88, 0 },    /* mov ah, [rbx] */
        { CODE("\x66\x8b\x03"),             READ,         0x112233445566ffff, 0 },
        { CODE("\x8b\x03"),                 READ,         0xffffffff,         0 },
        { CODE("\x48\x8b\x03"),             READ,         ~0ull,              0 },
        { CODE("\x88\x03"),                 WRITE,        old,                0 },    /* mov [rbx], al */
        { CODE("\x48\x89\x03"),             WRITE,        old,                0 },
        { CODE("\xc7\x03\x01\x02\x03\x04"), WRITE,        old,                0 },
        { CODE("\x0f\xb6\x03"),             READ,         0xff,               0 },    /* movzx eax, byte */
        { CODE("\x0f\xb7\x03"),             READ,         0xffff,             0 },
        { CODE("\x48\x0f\xbe\x03"),         READ,         ~0ull,              0 },    /* movsx rax, byte */
        { CODE("\x0f\xbf\x03"),             READ,         0xffffffff,         0 },
        { CODE("\x48\x63\x03"),             READ,         ~0ull,              0 },    /* movsxd */
        { CODE("\x23\x03"),                 READ,         0x55667788,         4 },    /* and eax, [rbx]: PF */
        { CODE("\x21\x03"),                 READ | WRITE, old,                4 },    /* and [rbx], eax */
        { CODE("\x0b\x03"),                 READ,         0xffffffff,         0x84 }, /* or: SF, PF */
        { CODE("\x09\x03"),                 READ | WRITE, old,                0x84 },
        { CODE("\x33\x03"),                 READ,         0xaa998877,         0x84 },
        { CODE("\x03\x03"),                 READ,         0x55667787,         0x15 }, /* add: CF, AF, PF */
        { CODE("\x2b\x03"),                 READ,         0x55667789,         0x11 }, /* sub: CF, AF */
        { CODE("\x80\x3b\xff"),             READ,         old,                0x44 }, /* cmp byte [rbx], -1: ZF, PF */
        { CODE("\xf6\x03\x80"),             READ,         old,                0x80 }, /* test: SF */
        { CODE("\x87\x03"),                 READ | WRITE, 0xffffffff,         0 },    /* xchg */
        { CODE("\xf0\x09\x03"),             READ | WRITE, old,                0x84 }, /* lock or */
        { CODE("\x0f\xba\x23\x05"),         READ,         old,                1 },    /* bt [rbx], 5: CF */
        { CODE("\xa0\x00\x00\x0a\x00\x00\x00\x00\x00"), READ, 0x11223344556677ff, 0 }, /* mov al, moffs */
        { CODE("\x67\x8b\x83\x00\x00\x00\x00"), READ,     0xffffffff,         0 },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        mapped(LONG);
        code(cases[i].bytes, cases[i].len);
        r[RAX] = old, r[RBX] = WINDOW;
        assert_int_equal(violation(WINDOW, cases[i].qual | LINEAR), RESUME);
        assert_int_equal(v->pending.info, 0);
        assert_int_equal(r[RAX], cases[i].want_rax);
        assert_int_equal(now(GS_RFLAGS) & ~RFLAGS_FIXED_1, cases[i].want_flags);
        assert_int_equal(now(GS_RIP), RIP + cases[i].len);
        assert_int_equal(last_record()->event, TRACE_MMIO_REFUSED);
        assert_int_equal(last_record()->a, !!(cases[i].qual & WRITE));
        assert_int_equal(last_record()->b, WINDOW);
    }
}

static void test_stack_pointer_operand(void **state)
{
    (void)state;
    mapped(LONG);
    vmcs(GS_RSP, 0x1234);
    code(CODE("\x48\x89\x23")); /* mov [rbx], rsp */
    r[RSP] = 0xbad;
    assert_int_equal(violation(WINDOW, WRITE | LINEAR), RESUME);
    assert_true(now(GS_RSP) == 0x1234 && r[RSP] == 0xbad);
    vmcs(GS_RIP, RIP);
    assert_int_equal(violation(MID_BEGIN - 1, WRITE | LINEAR), RESUME);
    assert_memory_equal(ram(MID_BEGIN), "\x12\0", 2);
    vmcs(GS_RIP, RIP);
    code(CODE("\x48\x8b\x23")); /* mov rsp, [rbx] */
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_int_equal(now(GS_RSP), ~0ull);
    vmcs(GS_RIP, RIP);
    code(CODE("\x8a\x23")); /* mov ah, [rbx]: number 4, but not RSP */
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_int_equal(now(GS_RSP), 0x1234);
    assert_int_equal(r[RAX], 0xff00);
}

/* The operand's first page is a device's, its second one RAM. */
static void test_crossing_into_ram(void **state)
{
    const u64 at = MID_BEGIN - 3;

    (void)state;
    mapped(LONG);
    memcpy(ram(MID_BEGIN), "ABCDEFGH", 8);
    code(CODE("\x48\x8b\x03"));
    assert_int_equal(violation(at, READ | LINEAR), RESUME);
    assert_int_equal(r[RAX], 0x4544434241ffffff);
    vmcs(GS_RIP, RIP);
    code(CODE("\x48\x89\x03"));
    r[RAX] = 0x8877665544332211;
    assert_int_equal(violation(at, WRITE | LINEAR), RESUME);
    assert_memory_equal(ram(MID_BEGIN),
                        "\x44\x55\x66\x77\x88"
                        "FGH",
                        8);
    map(MID_BEGIN, MID_BEGIN, 0); /* now it is not there */
    vmcs(GS_RIP, RIP);
    assert_int_equal(violation(at, WRITE | LINEAR), RESUME);
    assert_page_fault(MID_BEGIN, PF_W);
    assert_int_equal(now(GS_RIP), RIP);
    map(MID_BEGIN, MID_END, PTE_RW); /* nor RAM, nor a device */
    v->pending.info = 0;
    assert_int_equal(violation(at, WRITE | LINEAR), KILL);
}

/* EPT violations save RF = 1: left so, a breakpoint on the next instruction would be missed. */
static void test_completion(void **state)
{
    (void)state;
    mapped(LONG);
    vmcs(GS_RFLAGS, RFLAGS_FIXED_1 | RFLAGS_RF | RFLAGS_TF);
    vmcs(GS_INTERRUPTIBILITY, 1);
    code(CODE("\x8b\x03"));
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_int_equal(now(GS_RFLAGS), RFLAGS_FIXED_1 | RFLAGS_TF);
    assert_int_equal(now(GS_INTERRUPTIBILITY), 0);
    assert_int_equal(now(GS_PENDING_DEBUG), BIT(14));
    assert_int_equal(now(GS_RIP), RIP + 2);
}

/* ---------------------------------------------------------------- strings */

static void test_strings(void **state)
{
    // clang-format off
    static const struct {
        const char *bytes; size_t len; enum mode mode; u64 flags, rcx, rsi, rdi, want_rcx, want_rsi, want_rdi; bool done;
    } cases[] = {
        { CODE("\xaa"),             LONG, 0, 5,         1,      WINDOW, 5,       1,          WINDOW + 1, true },
        { CODE("\xf3\xaa"),         LONG, 0, 5,         1,      WINDOW, 4,       1,          WINDOW + 1, false },
        { CODE("\xf3\xaa"),         LONG, 0, 1,         1,      WINDOW, 0,       1,          WINDOW + 1, true },
        { CODE("\xf3\xaa"),         LONG, 0, 0,         1,      WINDOW, 0,       1,          WINDOW,     true }, /* RCX changed */
        { CODE("\xf3\x48\xab"),     LONG, RFLAGS_DF, 2, 1,      WINDOW, 1,       1,          WINDOW - 8, false },
        { CODE("\x66\xad"),         LONG, 0, 5,         WINDOW, 1,      5,       WINDOW + 2, 1,          true },
        { CODE("\xf3\xad"),         LONG, RFLAGS_DF, 2, WINDOW, 1,      1,       WINDOW - 4, 1,          false },
        { CODE("\xa4"),             LONG, 0, 5,         DATA,   WINDOW, 5,       DATA + 1,   WINDOW + 1, true },
        { CODE("\xf3\xa5"),         LONG, 0, 2,         WINDOW, DATA,   1,       WINDOW + 4, DATA + 4,   false },
        { CODE("\x67\xf3\xaa"),     LONG, 0, BIT(32) | 2, 1,    BIT(40) | WINDOW, 1, 1,      WINDOW + 1, false }, /* ECX, EDI */
        { CODE("\x67\xf3\xaa"),     LONG, 0, BIT(32),   1,      WINDOW, BIT(32), 1,          WINDOW,     true },
        { CODE("\xf3\xaa"),         REAL, 0, 0x70002,   1,      0x50000, 0x70001, 1,         0x50001,    false }, /* CX, DI */
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        mapped(cases[i].mode);
        if (cases[i].mode == REAL)
            vmcs(GS_ES_BASE, WINDOW);
        vmcs(GS_RFLAGS, cases[i].flags | RFLAGS_RF);
        code(cases[i].bytes, cases[i].len);
        r[RCX] = cases[i].rcx, r[RSI] = cases[i].rsi, r[RDI] = cases[i].rdi;
        assert_int_equal(violation(WINDOW, LINEAR | (strpbrk(cases[i].bytes, "\xac\xad") ||
                                                             cases[i].rsi == WINDOW
                                                         ? READ
                                                         : WRITE)),
                         RESUME);
        assert_int_equal(v->pending.info, 0);
        assert_int_equal(r[RCX], cases[i].want_rcx);
        assert_int_equal(r[RSI], cases[i].want_rsi);
        assert_int_equal(r[RDI], cases[i].want_rdi);
        assert_int_equal(now(GS_RIP), cases[i].done ? RIP + cases[i].len : RIP);
        assert_int_equal(now(GS_RFLAGS), cases[i].flags | (cases[i].done ? 0 : RFLAGS_RF));
    }
}

static void test_string_data(void **state)
{
    (void)state;
    mapped(LONG);
    memcpy(ram(DATA), "abcdefgh", 8);
    code(CODE("\x48\xa5")); /* movsq from the window to RAM */
    r[RSI] = WINDOW, r[RDI] = DATA;
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_memory_equal(ram(DATA), "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    vmcs(GS_RIP, RIP);
    code(CODE("\xac"));
    r[RAX] = 0x1100, r[RSI] = WINDOW;
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_int_equal(r[RAX], 0x11ff);
}

static void test_string_segments(void **state)
{
    (void)state;
    mapped(FLAT32);
    vmcs(GS_FS_BASE, WINDOW - 0x10);
    vmcs(GS_DS_BASE, 0xdead0000);
    vmcs(GS_ES_BASE, 0xfffffff0); /* wraps at 4 GiB */
    fill(DATA, 0x11, 4);
    code(CODE("\x64\xa5")); /* movsd from fs:[esi] */
    r[RSI] = 0x10, r[RDI] = DATA + 0x10;
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_memory_equal(ram(DATA), "\xff\xff\xff\xff", 4);
    mapped(COMPAT);
    vmcs(GS_ES_BASE, 0xfffffff0);
    fill(DATA, 0x11, 4);
    code(CODE("\xa5"));
    r[RSI] = WINDOW, r[RDI] = DATA + 0x10;
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_memory_equal(ram(DATA), "\xff\xff\xff\xff", 4);
}

/* MOVS whose RAM operand faults: registers as before, the guest gets its page fault. */
static void test_string_faults(void **state)
{
    (void)state;
    mapped(LONG);
    map(DATA, DATA, PTE_P);
    code(CODE("\xf3\xa5"));
    r[RSI] = WINDOW, r[RDI] = DATA, r[RCX] = 3;
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_page_fault(DATA, PF_P | PF_W);
    assert_true(r[RSI] == WINDOW && r[RDI] == DATA && r[RCX] == 3);
    assert_int_equal(now(GS_RIP), RIP);
    v->pending.info = 0;
    r[RDI] = 0x800000000000; /* not canonical */
    assert_int_equal(violation(WINDOW, READ | LINEAR), FAULT_GP);
    r[RDI] = MID_END;
    map(MID_END, MID_END, PTE_RW); /* neither RAM nor a device */
    assert_int_equal(violation(WINDOW, READ | LINEAR), KILL);
}

/* ---------------------------------------------------------------- what must not be emulated */

static void test_refused(void **state)
{
    // clang-format off
    static const struct { const char *why; const char *bytes; size_t len; u64 at, qual; u32 idt; } cases[] = {
        { "no row",             CODE("\x8b\x03"),     MID_END,        READ | LINEAR,  0 },
        { "no row",             CODE("\x8b\x03"),     0xfed00400,     READ | LINEAR,  0 },
        { "fetch",              CODE("\x8b\x03"),     WINDOW,         FETCH | LINEAR, 0 },
        { "a table walk",       CODE("\x8b\x03"),     WINDOW,         READ | BIT(7),  0 },
        { "no linear address",  CODE("\x8b\x03"),     WINDOW,         READ | BIT(8),  0 },
        { "event delivery",     CODE("\x8b\x03"),     WINDOW,         READ | LINEAR,  0x80000030 },
        { "not in the list",    CODE("\x0f\x0b"),     WINDOW,         READ | LINEAR,  0 },
        { "FPU",                CODE("\xd9\x03"),     WINDOW,         READ | LINEAR,  0 },
        { "no memory operand",  CODE("\x8b\xc3"),     WINDOW,         READ | LINEAR,  0 },
        { "a load that wrote",  CODE("\x8b\x03"),     WINDOW,         WRITE | LINEAR, 0 },
        { "CMP that wrote",     CODE("\x39\x03"),     WINDOW,         WRITE | LINEAR, 0 },
        { "TEST that wrote",    CODE("\x85\x03"),     WINDOW,         WRITE | LINEAR, 0 },
        { "BT that wrote",      CODE("\x0f\xa3\x03"), WINDOW,         WRITE | LINEAR, 0 },
        { "LODS that wrote",    CODE("\xac"),         WINDOW,         WRITE | LINEAR, 0 },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        mapped(LONG);
        code(cases[i].bytes, cases[i].len);
        x.idt_info = cases[i].idt;
        r[RAX] = 0x77;
        if (violation(cases[i].at, cases[i].qual) != KILL)
            fail_msg("%s: emulated", cases[i].why);
        assert_int_equal(r[RAX], 0x77);
        assert_true(unchanged());
    }
}

/* S13: the guest's tables have changed since the exit; the processor tries again. */
static void test_moved_translation(void **state)
{
    (void)state;
    for (u32 how = 0; how < 3; how++) {
        mapped(LONG);
        code(CODE("\xab")); /* stosd: a string's addresses are translated here */
        r[RDI] = WINDOW;
        map(WINDOW, how == 0 ? DATA : WINDOW + 0x1000, how == 2 ? 0 : PTE_RW);
        fill(DATA, 0x11, 8);
        assert_int_equal(violation(WINDOW, WRITE | LINEAR), RESUME);
        assert_true(unchanged());
        assert_memory_equal(ram(DATA), "\x11\x11\x11\x11", 4);
        assert_int_equal(v->pending.info, 0);
        assert_int_equal(ring.written, 0);
    }
}

static void test_instruction_at_a_page_end(void **state)
{
    (void)state;
    mapped(LONG); /* it ends with its page, and the next is not there */
    vmcs(GS_RIP, DATA + 0xffe);
    memcpy(ram(DATA + 0xffe), "\x8b\x03", 2);
    map(DATA + 0x1000, 0, 0);
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_int_equal(now(GS_RIP), DATA + 0x1000);
    assert_int_equal(r[RAX], 0xffffffff);

    mapped(LONG); /* it crosses */
    map(DATA + 0x1000, 0x7000, PTE_P);
    vmcs(GS_RIP, DATA + 0xfff);
    memcpy(ram(DATA + 0xfff), "\x8b", 1);
    memcpy(ram(0x7000), "\x03", 1);
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_int_equal(now(GS_RIP), DATA + 0x1001);
    map(DATA + 0x1000, 0, 0);
    vmcs(GS_RIP, DATA + 0xfff);
    assert_int_equal(violation(WINDOW, READ | LINEAR), KILL);
    map(DATA, 0, 0);
    assert_int_equal(violation(WINDOW, READ | LINEAR), KILL);
}

/* The code's base counts outside 64-bit code, and wraps there; no rights, no fetch. */
static void test_fetch(void **state)
{
    (void)state;
    mapped(PAGED32);
    memcpy(ram(DATA), "\x8b\x03", 2);
    vmcs(GS_CS_BASE, 0xffff8000);
    vmcs(GS_RIP, 0x10000);
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_int_equal(now(GS_RIP), 0x10002);
    mapped(LONG);
    vmcs(GS_CS_BASE, DATA);
    code(CODE("\x8b\x03"));
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_int_equal(now(GS_RIP), RIP + 2);
    map(RIP, RIP, PTE_RW | PTE_XD);
    vmcs(GS_RIP, RIP);
    assert_int_equal(violation(WINDOW, READ | LINEAR), KILL);
}

/* S13: bytes that do not fit the access are another vCPU's doing: the processor tries again. */
static void test_changed_instruction(void **state)
{
    // clang-format off
    static const struct { const char *code; u32 qual; bool fits; } cases[] = {
        {"\x8b\x03", READ, true},  {"\x8b\x03", WRITE, false},  /* MOV from memory */
        {"\x89\x03", READ, false}, {"\x89\x03", WRITE, true},   /* to memory */
        {"\x39\x03", READ, true},  {"\x39\x03", WRITE, false},  /* CMP */
        {"\x87\x03", READ, true},  {"\x87\x03", WRITE, true},   /* XCHG */
        {"\x09\x03", READ, true},  {"\x09\x03", WRITE, true},   /* OR to memory */
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (u32 vcpus = 1; vcpus <= 2; vcpus++) {
            mapped(LONG);
            vm.vcpus = vcpus;
            code(cases[i].code, 2);
            r[RAX] = 0x1234;
            assert_int_equal(violation(WINDOW, cases[i].qual | LINEAR),
                             cases[i].fits || vcpus > 1 ? RESUME : KILL);
            assert_int_equal(now(GS_RIP), cases[i].fits ? RIP + 2 : RIP);
            assert_true(cases[i].fits || r[RAX] == 0x1234);
        }
    mapped(LONG);
    vm.vcpus = 2;
    code(CODE("\x66\x90")); /* not even an access; but it does not stay so */
    for (u32 i = 0; i < 1000; i++)
        assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    code(CODE("\x8b\x03"));
    assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    code(CODE("\x66\x90"));
    vmcs(GS_RIP, RIP);
    for (u32 i = 0; i < 1000; i++)
        assert_int_equal(violation(WINDOW, READ | LINEAR), RESUME);
    assert_int_equal(violation(WINDOW, READ | LINEAR), KILL);
    vm.vcpus = 1;
}

static void test_nmi_unblocking(void **state)
{
    (void)state;
    mapped(LONG);
    code(CODE("\x8b\x03"));
    assert_int_equal(violation(WINDOW, READ | LINEAR | NMI_IRET), RESUME);
    assert_int_equal(now(GS_INTERRUPTIBILITY), 8);
}

/* A plain operand within a page is where the processor found it, whatever the tables say now. */
static void test_translation_by_the_processor(void **state)
{
    (void)state;
    mapped(LONG);
    code(CODE("\x89\x03"));
    map(WINDOW, DATA, PTE_RW);
    fill(DATA, 0x11, 8);
    assert_int_equal(violation(WINDOW, WRITE | LINEAR), RESUME);
    assert_int_equal(now(GS_RIP), RIP + 2);
    assert_memory_equal(ram(DATA), "\x11\x11\x11\x11", 4);
}

static void test_rows(void **state)
{
    // clang-format off
    static const struct { u64 gpa; u32 len; bool open; } cases[] = {
        { 0x9ffff, 1, false }, { 0xa0000, 1, true  }, { 0xbffff, 1, true  }, { 0xbffff, 2, false },
        { 0xc0000, 1, false }, { 0x9ffff, 2, false }, { HPET + 0x3fc, 4, true }, { HPET + 0x3fd, 4, false },
        { HPET, 8, true }, { 0xfee01000, 1, false },
        { ~0ull, 2, false }, { ~0ull, 0xa0002, false }, /* wraps into the window */
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(mmio_find((gpa_t){cases[i].gpa}, cases[i].len),
                         cases[i].open ? MMIO_OPEN_BUS : MMIO_NONE);
    mapped(LONG);
    code(CODE("\x8b\x03"));
    assert_int_equal(violation(HPET + 0x3fe, READ | LINEAR), KILL); /* half of it is nobody's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_on_the_open_bus),
        cmocka_unit_test(test_stack_pointer_operand),
        cmocka_unit_test(test_crossing_into_ram),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_string_data),
        cmocka_unit_test(test_string_segments),
        cmocka_unit_test(test_string_faults),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_moved_translation),
        cmocka_unit_test(test_instruction_at_a_page_end),
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_changed_instruction),
        cmocka_unit_test(test_nmi_unblocking),
        cmocka_unit_test(test_translation_by_the_processor),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
