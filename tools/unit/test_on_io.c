/* IN, OUT, INS, OUTS: ports through the board, memory through the guest's paging. */
#include "tools/unit/fake_guest.h"

#define IN         8u
#define STRING     16u
#define REP        32u
#define COM1       0x3f8u
#define PCI        0xcf8u
#define NOBODY     0x1234u
#define ADDRESS(n) ((n) << 7) /* INS, OUTS: 0, 1, 2 for 16, 32, 64 bits */
#define SEGMENT(s) ((s) << 15)
#define DATA       0x8000ull
#define DS         3u
#define FS         4u

static enum verdict io(u32 port, u32 size, u32 flags)
{
    x.qual = (u64)port << 16 | flags | (size - 1);
    return on_io(v, &x);
}

/* ---------------------------------------------------------------- IN, OUT */

static void test_in_merges(void **state)
{
    const u64 old = 0x1122334455667788;

    (void)state;
    guest_new(LONG);
    r[RAX] = 0xffffffff80001234;
    assert_int_equal(io(PCI, 4, 0), NEXT); /* bits 1:0 are not kept */
    const u32 address = vm.board.pci.address;

    assert_int_not_equal(address, 0);
    r[RAX] = old;
    assert_int_equal(io(PCI, 4, IN), NEXT);
    assert_int_equal(r[RAX], address); /* 32 bits clear the upper half */
    r[RAX] = old;
    assert_int_equal(io(NOBODY, 1, IN), NEXT);
    assert_int_equal(r[RAX], old | 0xff);
    r[RAX] = old;
    assert_int_equal(io(NOBODY, 2, IN), NEXT);
    assert_int_equal(r[RAX], old | 0xffff);
    r[RAX] = old;
    assert_int_equal(io(NOBODY, 4, IN), NEXT);
    assert_int_equal(r[RAX], 0xffffffff);
    r[RAX] = old; /* the board's byte replaces AL, or-s nothing in */
    board_console_input(&vm.board, 0x21);
    assert_int_equal(io(COM1, 1, IN), NEXT);
    assert_int_equal(r[RAX], (old & ~0xffull) | 0x21);
    assert_true(unchanged());
}

static void test_out_cuts(void **state)
{
    static const u32 want[] = {[1] = 0x88, [2] = 0x7788, [4] = 0x55667788};

    (void)state;
    guest_new(LONG);
    r[RAX] = 0x1122334455667788;
    for (u32 size = 1; size <= 4; size *= 2) {
        assert_int_equal(io(NOBODY, size, 0), NEXT);
        assert_int_equal(last_record()->event, TRACE_PORT_REFUSED);
        assert_int_equal(last_record()->a, NOBODY);
        assert_int_equal(last_record()->b, 1);
        assert_int_equal(last_record()->c, (u64)size << 32 | want[size]);
        assert_int_equal(io(0xffff, size, IN), NEXT);
        assert_int_equal(last_record()->b, 0);
        assert_int_equal(last_record()->c, size);
        r[RAX] = 0x1122334455667788;
    }
    assert_int_equal(io(COM1, 1, 0), NEXT);
    assert_int_equal(sent_len, 1);
    assert_int_equal(sent[0], 0x88);
    const u64 records = ring.written;

    r[RAX] = 0;
    assert_int_equal(io(COM1, 1, 0), NEXT);
    assert_int_equal(io(COM1 + 5, 1, IN), NEXT);
    assert_int_equal(ring.written, records); /* a port with a row is no news */
}

/* Only an access after which the next entry differs asks for work. */
static void test_board_is_looked_at_if_it_moved(void **state)
{
    (void)state;
    guest_new(LONG);
    v->deadline = 10; /* everything due is later */
    vm.board.deadline = 10;
    fake_cpu.console_deadline = 10;
    assert_int_equal(io(NOBODY, 1, IN), NEXT);
    assert_int_equal(v->todo, 0);
    vm.board.deadline = 9;
    assert_int_equal(io(NOBODY, 1, IN), NEXT);
    assert_int_equal(v->todo, TODO_BOARD);
    v->todo = 0, vm.board.deadline = 10, fake_cpu.console_deadline = 9;
    assert_int_equal(io(NOBODY, 1, IN), NEXT);
    assert_int_equal(v->todo, TODO_BOARD);
    v->todo = 0, fake_cpu.console_deadline = 10, v->extint_planned = true;
    assert_int_equal(io(NOBODY, 1, IN), NEXT);
    assert_int_equal(v->todo, TODO_BOARD);
    v->todo = 0, v->extint_planned = false, r[RAX] = 0x55;
    assert_int_equal(io(0xf4, 1, 0), NEXT);
    assert_int_equal(v->todo, TODO_BOARD);
    assert_int_equal(vm.board.wish, BOARD_DEBUG_EXIT);
    assert_int_equal(vm.board.wish_value, 0x55);
}

/* ---------------------------------------------------------------- INS, OUTS */

static void text(void)
{
    for (u32 i = 0; i < 256; i++)
        memset(ram(DATA + i), (int)i, 1);
}

static void test_outs(void **state)
{
    // clang-format off
    static const struct {
        enum mode mode; u32 rep, width, down; u64 rcx, rsi;
        enum verdict verdict; u32 sent, first; u64 want_rcx, want_rsi;
    } cases[] = {
        { LONG,   0,   2, 0, 7,             DATA + 3,           NEXT,   1,  3,   7,             DATA + 4 },
        { LONG,   0,   2, 1, 7,             DATA + 3,           NEXT,   1,  3,   7,             DATA + 2 },
        { LONG,   REP, 2, 0, 0,             DATA,               NEXT,   0,  0,   0,             DATA },
        { LONG,   REP, 2, 0, 1,             DATA,               NEXT,   1,  0,   0,             DATA + 1 },
        { LONG,   REP, 2, 0, 7,             DATA,               NEXT,   7,  0,   0,             DATA + 7 },
        { LONG,   REP, 2, 0, 8,             DATA,               NEXT,   8,  0,   0,             DATA + 8 },
        { LONG,   REP, 2, 0, 9,             DATA,               RESUME, 8,  0,   1,             DATA + 8 },
        { LONG,   REP, 2, 0, ~0ull,         DATA,               RESUME, 8,  0,   ~0ull - 8,     DATA + 8 },
        { LONG,   REP, 2, 1, 9,             DATA + 8,           RESUME, 8,  8,   1,             DATA },
        { LONG,   REP, 1, 0, BIT(32) | 2,   BIT(40) | DATA,     NEXT,   2,  0,   0,             DATA + 2 }, /* ESI, ECX */
        { LONG,   REP, 1, 0, BIT(32),       BIT(40) | DATA,     NEXT,   0,  0,   BIT(32),       BIT(40) | DATA },
        { PAE,    REP, 1, 0, 2,             DATA,               NEXT,   2,  0,   0,             DATA + 2 },
        { REAL,   REP, 0, 0, 0x70002,       0x90000 | DATA,     NEXT,   2,  0,   0x70000,       0x90000 | (DATA + 2) }, /* SI, CX */
        { REAL,   REP, 0, 0, 0x70000,       DATA,               NEXT,   0,  0,   0x70000,       DATA },
        { REAL,   0,   0, 1, 0,             0x50000,            NEXT,   1,  256, 0,             0x5ffff }, /* SI wraps */
        { FLAT32, REP, 1, 0, 3,             DATA + 9,           NEXT,   3,  9,   0,             DATA + 12 },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(cases[i].mode);
        text();
        if (cases[i].mode >= PAGED32)
            identity(DATA, DATA + PAGE_SIZE, PTE_P);
        vmcs(GS_RFLAGS, cases[i].down ? RFLAGS_DF : 0);
        x.insn_info = ADDRESS(cases[i].width) | SEGMENT(DS);
        r[RCX] = cases[i].rcx, r[RSI] = cases[i].rsi, r[RDI] = r[RAX] = 0x77;
        assert_int_equal(io(COM1, 1, STRING | cases[i].rep), cases[i].verdict);
        assert_int_equal(sent_len, cases[i].sent);
        for (u32 n = 0; n < sent_len && cases[i].first < 256; n++)
            assert_int_equal(sent[n], (u8)(cases[i].first + (cases[i].down ? 0 - n : n)));
        assert_int_equal(r[RCX], cases[i].want_rcx);
        assert_int_equal(r[RSI], cases[i].want_rsi);
        assert_int_equal(r[RDI] & r[RAX], 0x77);
        assert_int_equal(v->pending.info, 0);
        assert_true(unchanged());
    }
}

static void test_sizes_step(void **state)
{
    (void)state;
    for (u32 size = 1; size <= 4; size *= 2) {
        guest_new(FLAT32);
        text();
        x.insn_info = ADDRESS(1u) | SEGMENT(DS);
        r[RSI] = DATA + 8, r[RCX] = 2;
        assert_int_equal(io(NOBODY, size, STRING | REP), NEXT);
        assert_int_equal(r[RSI], DATA + 8 + 2 * size);
        u32 want = 0;

        memcpy(&want, ram(DATA + 8 + size), size);
        assert_int_equal(last_record()->c, (u64)size << 32 | want);
        r[RDI] = DATA + 0x100;
        fill(DATA + 0x0f8, 0, 16);
        vmcs(GS_RFLAGS, RFLAGS_DF);
        assert_int_equal(io(NOBODY, size, IN | STRING), NEXT);
        assert_int_equal(r[RDI], DATA + 0x100 - size);
        assert_memory_equal(ram(DATA + 0xff), "\0\xff\xff\xff\xff", 1 + size);
        assert_memory_equal(ram(DATA + 0x100 + size), "\0\0\0\0", 4);
    }
}

/* OUTS takes an override, INS is always to ES. */
static void test_segments(void **state)
{
    (void)state;
    guest_new(FLAT32);
    text();
    for (u32 s = 0; s < 6; s++)
        vmcs((enum guest_field)(GS_ES_BASE + s), DATA + 16 * s);
    for (u32 s = 0; s < 6; s++) {
        x.insn_info = ADDRESS(1u) | SEGMENT(s);
        r[RSI] = 1;
        assert_int_equal(io(COM1, 1, STRING), NEXT);
        assert_int_equal(sent[s], 16 * s + 1);
    }
    x.insn_info = ADDRESS(1u) | SEGMENT(DS);
    r[RDI] = 2;
    assert_int_equal(io(NOBODY, 1, IN | STRING), NEXT);
    assert_memory_equal(ram(DATA + 2), "\xff", 1);
    x.insn_info = ADDRESS(1u) | SEGMENT(7u); /* undefined: no read beyond the bases */
    r[RSI] = DATA;
    assert_int_equal(io(COM1, 1, STRING), NEXT);

    guest_new(LONG);
    text();
    identity(DATA, DATA + PAGE_SIZE, PTE_P);
    vmcs(GS_DS_BASE, 0x100000);
    vmcs(GS_FS_BASE, 0xffff800000000000);
    map(0xffff800000000000, DATA, PTE_P);
    x.insn_info = ADDRESS(2u) | SEGMENT(DS);
    r[RSI] = DATA + 5;
    assert_int_equal(io(COM1, 1, STRING), NEXT);
    x.insn_info = ADDRESS(2u) | SEGMENT(FS);
    r[RSI] = 9;
    assert_int_equal(io(COM1, 1, STRING), NEXT);
    assert_memory_equal(sent, "\5\x9", 2);
}

/* base + offset wraps at 4 GiB outside 64-bit code. */
static void test_linear_address_wraps(void **state)
{
    static const enum mode modes[] = {FLAT32, PAGED32, PAE, COMPAT};

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(modes); i++) {
        guest_new(modes[i]);
        text();
        if (modes[i] >= PAGED32)
            identity(DATA, DATA + PAGE_SIZE, PTE_RW);
        vmcs(GS_DS_BASE, 0xfffffff0);
        vmcs(GS_ES_BASE, 0xfffffff0);
        x.insn_info = ADDRESS(1u) | SEGMENT(DS);
        r[RSI] = DATA + 0x10 + 7;
        assert_int_equal(io(COM1, 1, STRING), NEXT);
        assert_int_equal(sent[0], 7);
        r[RDI] = DATA + 0x10 + 9;
        assert_int_equal(io(NOBODY, 1, IN | STRING), NEXT);
        assert_memory_equal(ram(DATA + 9), "\xff", 1);
    }
}

static void test_ins_keeps_order(void **state)
{
    (void)state;
    guest_new(LONG);
    identity(DATA, DATA + PAGE_SIZE, PTE_RW);
    exited();
    r[RAX] = 1; /* FIFO on */
    assert_int_equal(io(COM1 + 2, 1, 0), NEXT);
    for (u32 i = 0; i < 4; i++)
        board_console_input(&vm.board, (u8)("abcd"[i]));
    x.insn_info = ADDRESS(2u);
    r[RDI] = DATA, r[RCX] = 4;
    assert_int_equal(io(COM1, 1, IN | STRING | REP), NEXT);
    assert_memory_equal(ram(DATA), "abcd", 4);
    assert_int_equal(r[RDI], DATA + 4);
    assert_int_equal(r[RCX], 0);
}

/* ---------------------------------------------------------------- faults */

static void test_page_fault_in_the_middle(void **state)
{
    (void)state;
    for (u32 in = 0; in <= IN; in += IN) {
        u64 *const pointer = &r[in ? RDI : RSI];

        guest_new(LONG);
        text();
        identity(DATA, DATA + PAGE_SIZE, PTE_RW);
        exited();
        x.insn_info = ADDRESS(2u) | SEGMENT(DS);
        *pointer = DATA + 0xffd, r[RCX] = 10;
        assert_int_equal(io(NOBODY, 1, in | STRING | REP), RESUME);
        assert_page_fault(DATA + 0x1000, in ? PF_W : 0);
        assert_int_equal(*pointer, DATA + 0x1000);
        assert_int_equal(r[RCX], 7);
        assert_int_equal(ring.written, 3);
        assert_int_equal(now(GS_RIP), RIP);
        assert_int_equal(now(GS_RFLAGS), RFLAGS_FIXED_1 | RFLAGS_RF);
        /* the guest's handler maps the page; the instruction goes on */
        map(DATA + 0x1000, DATA + 0x1000, PTE_RW);
        v->pending.info = 0;
        assert_int_equal(io(NOBODY, 1, in | STRING | REP), NEXT);
        assert_int_equal(*pointer, DATA + 0x1007);
        assert_int_equal(ring.written, 10);
    }
}

/* An operand that crosses into a missing page: nothing happens, CR2 is that page's first byte, and
 * the port has not been read. */
static void test_page_fault_inside_an_operand(void **state)
{
    (void)state;
    for (u32 in = 0; in <= IN; in += IN)
        for (u32 back = 1; back < 4; back++) {
            const u64 at = DATA + 0x1000 - back;

            guest_new(LONG);
            identity(DATA, DATA + PAGE_SIZE, PTE_RW);
            exited();
            fill(at, 0x33, back);
            x.insn_info = ADDRESS(2u) | SEGMENT(DS);
            r[RDI] = r[RSI] = at, r[RCX] = 10;
            assert_int_equal(io(NOBODY, 4, in | STRING | REP), RESUME);
            assert_page_fault(DATA + 0x1000, in ? PF_W : 0);
            assert_int_equal(r[RDI] & r[RSI], at);
            assert_int_equal(r[RCX], 10);
            assert_int_equal(ring.written, 0);
            assert_memory_equal(ram(at), "\x33\x33\x33", back);
        }
}

static void test_rights(void **state)
{
    (void)state;
    guest_new(LONG);
    identity(DATA, DATA + PAGE_SIZE, PTE_P); /* read-only, supervisor */
    exited();
    x.insn_info = ADDRESS(2u) | SEGMENT(DS);
    r[RDI] = r[RSI] = DATA;
    assert_int_equal(io(NOBODY, 1, STRING), NEXT);
    assert_int_equal(io(NOBODY, 1, IN | STRING), RESUME);
    assert_page_fault(DATA, PF_P | PF_W);
    assert_int_equal(ring.written, 1);
    set_cpl(3);
    exited();
    v->pending.info = 0;
    assert_int_equal(io(NOBODY, 1, STRING), RESUME);
    assert_page_fault(DATA + 1, PF_P | PF_U);
}

/* A guest's program with rights to a port must not be able to end its machine. */
static void test_not_canonical(void **state)
{
    // clang-format off
    static const struct { u64 at; u32 size; } cases[] = {
        { 0x800000000000, 1 }, { 0xffff7fffffffffff, 1 }, { BIT(63), 4 }, { 0x7ffffffffffd, 4 },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (u32 in = 0; in <= IN; in += IN) {
            guest_new(LONG);
            map(0x7ffffffff000, DATA, PTE_RW | PTE_U);
            exited();
            x.insn_info = ADDRESS(2u) | SEGMENT(DS);
            r[RDI] = r[RSI] = cases[i].at, r[RCX] = 1;
            assert_int_equal(io(NOBODY, cases[i].size, in | STRING | REP), FAULT_GP);
            assert_int_equal(r[RDI] & r[RSI], cases[i].at);
            assert_int_equal(r[RCX], 1);
            assert_int_equal(ring.written, 0);
        }
}

static void test_no_ram(void **state)
{
    static const u64 at[] = {LOW_END, 0xbffff, MID_END, 0xfee00000, 0xffffffff, LOW_END - 2};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(at); i++)
        for (u32 in = 0; in <= IN; in += IN) {
            guest_new(FLAT32);
            x.insn_info = ADDRESS(1u) | SEGMENT(DS);
            r[RDI] = r[RSI] = at[i];
            assert_int_equal(io(NOBODY, 4, in | STRING), KILL);
        }
    guest_new(LONG); /* a page table outside of RAM */
    vmcs(GS_CR3, LOW_END);
    x.insn_info = ADDRESS(2u) | SEGMENT(DS);
    assert_int_equal(io(NOBODY, 1, STRING), KILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_merges),
        cmocka_unit_test(test_out_cuts),
        cmocka_unit_test(test_board_is_looked_at_if_it_moved),
        cmocka_unit_test(test_outs),
        cmocka_unit_test(test_sizes_step),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_linear_address_wraps),
        cmocka_unit_test(test_ins_keeps_order),
        cmocka_unit_test(test_page_fault_in_the_middle),
        cmocka_unit_test(test_page_fault_inside_an_operand),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_not_canonical),
        cmocka_unit_test(test_no_ram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
