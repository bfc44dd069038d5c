/* What was decoded before is used again only if everything that led to it is the same. */
#include "tools/unit/mmio_guest.h"
#include "vmm/insn_memo.h"

#define OTHER 0x9000ull /* another page with code */

static const struct insn *at_rip(struct insn *space)
{
    const struct insn *insn = NULL;

    assert_int_equal(insn_at_rip(v, space, &insn), OK);
    return insn;
}

/* True if the instruction came from a memo, which then says what the bytes say. */
static bool remembered(void)
{
    struct insn space = {0}, fresh = {0};
    const struct insn *insn = at_rip(&space);
    u8 bytes[INSN_MAX_LEN];

    memcpy(bytes, ram(RIP), sizeof(bytes));
    assert_int_equal(insn_decode(bytes, sizeof(bytes), 64, &fresh), OK);
    assert_int_equal(insn->op, fresh.op);
    assert_int_equal(insn->len, fresh.len);
    assert_int_equal(insn->size, fresh.size);
    assert_int_equal(insn->reg, fresh.reg);
    assert_true(insn->imm == fresh.imm);
    return insn != &space;
}

static void begin(void)
{
    mapped(LONG);
    memset(v->insn_memo, 0, sizeof(v->insn_memo));
    code(CODE("\x8b\x03")); /* mov eax, [rbx] */
    exited();
    assert_false(remembered());
    exited();
    assert_true(remembered());
    exited();
}

static void test_same(void **state)
{
    (void)state;
    begin();
    for (u32 i = 0; i < 5; i++) {
        assert_true(remembered());
        exited();
    }
    *(u8 *)ram(RIP + 2) ^= 0xff; /* behind the instruction: not its business */
    assert_true(remembered());
}

static void test_other_bytes(void **state)
{
    static const char *const forms[] = {"\x89\x03", "\x8b\x0b", "\x66\x8b\x03", "\xc6\x03\x05",
                                        "\x48\xc7\x83\x10\x00\x00\x00\x01\x00\x00\x00"};

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(forms); i++) {
        begin();
        code(forms[i], i == 4 ? 11 : i >= 2 ? 3 : 2);
        assert_false(remembered());
        exited();
        assert_true(remembered());
    }
    /* the last byte of a long instruction counts, too */
    exited();
    *(u8 *)ram(RIP + 7) ^= 1;
    assert_false(remembered());
}

/* Those of rights do not count: the processor has fetched the instruction. */
static void test_other_registers(void **state)
{
    static const struct {
        enum guest_field field;
        u64 flip;
        bool counts;
    } cases[] = {
        {GS_CR3, BIT(3), true},  {GS_EFER, 1, true},        {GS_CS_AR, BIT32(12), true},
        {GS_CR0, CR0_WP, false}, {GS_CR4, CR4_SMEP, false}, {GS_SS_AR, BIT32(5), false},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        begin();
        vmcs(cases[i].field, fake_cpu.vmcs[cases[i].field] ^ cases[i].flip);
        exited();
        assert_int_equal(remembered(), !cases[i].counts);
    }
}

/* The same address leads to another page with other bytes; the old page is as it was. */
static void test_other_translation(void **state)
{
    struct insn space = {0};

    (void)state;
    begin();
    fill(OTHER, 0x90, 64);
    memcpy(ram(OTHER + (RIP & (PAGE_SIZE - 1))), "\x89\x03", 2); /* mov [rbx], eax */
    map(ALIGN_DOWN(RIP, PAGE_SIZE), OTHER, PTE_RW);
    assert_true(at_rip(&space)->mem_dest);
    exited();
    map(ALIGN_DOWN(RIP, PAGE_SIZE), ALIGN_DOWN(RIP, PAGE_SIZE), PTE_RW);
    assert_false(at_rip(&space)->mem_dest);
    exited();
    map(ALIGN_DOWN(RIP, PAGE_SIZE), ALIGN_DOWN(RIP, PAGE_SIZE), 0); /* not present */
    const struct insn *insn;
    assert_int_equal(insn_at_rip(v, &space, &insn), E_NOENT);
}

/* 32-bit code, real mode, and code at a page's end are decoded each time. */
static void test_not_remembered(void **state)
{
    static const enum mode modes[] = {REAL, FLAT32, PAGED32, PAE, COMPAT};
    struct insn space = {0};

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(modes); i++) {
        mapped(modes[i]);
        memset(v->insn_memo, 0, sizeof(v->insn_memo));
        code(CODE("\x8b\x03"));
        for (u32 n = 0; n < 3; n++) {
            exited();
            assert_ptr_equal(at_rip(&space), &space);
        }
    }
    mapped(LONG);
    memset(v->insn_memo, 0, sizeof(v->insn_memo));
    memcpy(ram(RIP + PAGE_SIZE - 15), "\x8b\x03", 2);
    for (u32 n = 0; n < 3; n++) {
        vmcs(GS_RIP, RIP + PAGE_SIZE - 15);
        exited();
        assert_ptr_equal(at_rip(&space), &space);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_other_bytes),
        cmocka_unit_test(test_other_registers),
        cmocka_unit_test(test_other_translation),
        cmocka_unit_test(test_not_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
