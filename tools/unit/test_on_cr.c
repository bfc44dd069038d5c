/* MOV to and from control registers, CLTS, LMSW: what reaches the VMCS.  The rules of each value
 * are tested in test_cr.c. */
#include "tools/unit/fake_guest.h"

#define MOV_TO(cr, reg)   ((u64)(cr) | (u64)(reg) << 8)
#define MOV_FROM(cr, reg) ((u64)(cr) | 1u << 4 | (u64)(reg) << 8)
#define CLTS              (2ull << 4)
#define LMSW(word)        (3ull << 4 | (u64)(word) << 16)

static enum verdict access_of(u64 qual)
{
    x.qual = qual;
    return on_cr_access(v, &x);
}

static enum verdict mov_to(u32 cr, u64 value)
{
    r[RBX] = value;
    return access_of(MOV_TO(cr, RBX));
}

/* SDM Vol. 3A, "Initializing IA-32e Mode". */
static void test_long_mode_begins_and_ends(void **state)
{
    (void)state;
    guest_new(PAE);
    vmcs(GS_CR0, CR0_ET | CR0_NE | CR0_PE);
    vmcs(GS_EFER, EFER_LME | EFER_NXE);
    vmcs(GS_CR3, LOW_END); /* no PDPTEs are loaded from it */
    assert_int_equal(mov_to(0, CR0_PG | CR0_PE | CR0_CD), NEXT);
    assert_int_equal(now(GS_CR0), CR0_PG | CR0_PE | CR0_ET | CR0_NE);
    assert_int_equal(now(GS_CR0_SHADOW), CR0_PG | CR0_PE | CR0_ET | CR0_CD);
    assert_int_equal(now(GS_EFER), EFER_LME | EFER_LMA | EFER_NXE);
    assert_int_equal(now(GS_ENTRY_CONTROLS), 0x93fb);
    assert_int_equal(fake_cpu.invvpids, 1);
    assert_int_equal(fake_cpu.invvpid, 7);

    guest_new(COMPAT);
    assert_int_equal(mov_to(0, CR0_PE | CR0_CD), NEXT);
    assert_int_equal(now(GS_EFER), EFER_LME | EFER_NXE);
    assert_int_equal(now(GS_ENTRY_CONTROLS), 0x91fb);
    assert_int_equal(now(GS_CR0) & CR0_PG, 0);
    assert_int_equal(fake_cpu.invvpids, 1);
}

static void test_refused_transitions_change_nothing(void **state)
{
    const u64 on = CR0_PG | CR0_PE | CR0_CD;
    const struct {
        enum mode mode;
        u64 cr0, cr4, efer, cs_ar, tr_ar, value;
    } cases[] = {
        {LONG, CR0_PG | CR0_PE, CR4_PAE, EFER_LME | EFER_LMA, 0xa09b, 0x8b, CR0_PE | CR0_CD},
        {FLAT32, CR0_PE, 0, EFER_LME, 0xc09b, 0x8b, on},       /* without PAE */
        {FLAT32, CR0_PE, CR4_PAE, EFER_LME, 0xe09b, 0x8b, on}, /* CS.L */
        {FLAT32, CR0_PE, CR4_PAE, EFER_LME, 0xc09b, 0x83, on}, /* a 16-bit TSS */
        {COMPAT, CR0_PG | CR0_PE, CR4_PAE | CR4_PCIDE, EFER_LME | EFER_LMA, 0xc09b, 0x8b,
         CR0_PE | CR0_CD},
        {FLAT32, CR0_PE, 0, 0, 0xc09b, 0x8b, CR0_PG | CR0_CD},
        {FLAT32, CR0_PE, 0, 0, 0xc09b, 0x8b, CR0_PE | CR0_NW},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(cases[i].mode);
        vmcs(GS_CR0, cases[i].cr0 | CR0_ET | CR0_NE);
        vmcs(GS_CR4, cases[i].cr4 | CR4_FORCED);
        vmcs(GS_EFER, cases[i].efer);
        vmcs(GS_CS_AR, cases[i].cs_ar);
        vmcs(GS_TR_AR, cases[i].tr_ar);
        assert_int_equal(mov_to(0, cases[i].value), FAULT_GP);
        assert_true(unchanged());
        assert_int_equal(fake_cpu.invvpids, 0);
    }
}

static void test_16_bit_tss_matters_only_when_long_mode_begins(void **state)
{
    (void)state;
    guest_new(FLAT32);
    vmcs(GS_TR_AR, 0x83);
    assert_int_equal(mov_to(0, CR0_PG | CR0_PE | CR0_CD), NEXT);
    guest_new(LONG);
    vmcs(GS_TR_AR, 0x83); /* cannot be, and is not looked at */
    assert_int_equal(mov_to(0, CR0_PG | CR0_PE | CR0_CD), NEXT);
}

static void test_pdptes(void **state)
{
    static const u64 good[4] = {0x20001, 0, 0x30000fffe, 0xfffffff019};
    const u64 at = 0x8fe0;

    (void)state;
    for (u32 bad = 0; bad < 64; bad++) { /* each reserved bit in each register */
        const bool reserved = bad == 1 || bad == 2 || (bad >= 5 && bad <= 8) || bad >= 40;

        for (u32 i = 0; i < 4; i++) {
            u64 pdpte[4];

            guest_new(PAE);
            vmcs(GS_CR0, CR0_ET | CR0_NE | CR0_PE);
            vmcs(GS_CR3, at | 0x1f); /* bits 4:0 are no part of the address */
            memcpy(pdpte, good, sizeof(good));
            pdpte[i] |= BIT(bad);
            memcpy(ram(at), pdpte, sizeof(pdpte));
            if (reserved && (pdpte[i] & 1)) {
                assert_int_equal(mov_to(0, CR0_PG | CR0_PE | CR0_CD), FAULT_GP);
                assert_true(unchanged());
                continue;
            }
            if (i == 2 && bad == 0) /* now present, with reserved bits */
                continue;
            assert_int_equal(mov_to(0, CR0_PG | CR0_PE | CR0_CD), NEXT);
            for (u32 n = 0; n < 4; n++)
                assert_int_equal(now((enum guest_field)(GS_PDPTE0 + n)), pdpte[n]);
            assert_int_equal(now(GS_EFER), 0);
        }
    }
    guest_new(PAE);
    vmcs(GS_CR0, CR0_ET | CR0_NE | CR0_PE);
    vmcs(GS_CR3, LOW_END - 0x20);
    fill(LOW_END - 0x20, 0, 0x20);
    assert_int_equal(mov_to(0, CR0_PG | CR0_PE | CR0_CD), NEXT);
    vmcs(GS_CR3, LOW_END); /* reads as ones: reserved bits */
    assert_int_equal(mov_to(0, CR0_PG | CR0_PE | CR0_CD), FAULT_GP);
    vmcs(GS_CR3, 0xfffff000);
    assert_int_equal(mov_to(0, CR0_PG | CR0_PE | CR0_CD), FAULT_GP);
}

static void test_paging_off(void **state)
{
    (void)state;
    guest_new(PAE);
    assert_int_equal(mov_to(0, CR0_PE | CR0_CD | CR0_WP), NEXT);
    assert_int_equal(now(GS_CR0), CR0_PE | CR0_WP | CR0_ET | CR0_NE);
    assert_int_equal(fake_cpu.invvpids, 1);
    guest_new(PAE); /* bits of CR4 that the guest may not have are as its shadow says: clear */
    vm.cpuid.cr4_mask = CR4_PAE;
    assert_int_equal(mov_to(0, CR0_PE | CR0_CD), NEXT);
}

static void test_flush_only_when_translation_changes(void **state)
{
    (void)state;
    guest_new(LONG);
    assert_int_equal(mov_to(0, CR0_PG | CR0_PE | CR0_WP | CR0_CD | CR0_NW | CR0_TS), NEXT);
    assert_int_equal(fake_cpu.invvpids, 0);
    assert_int_equal(now(GS_CR0), CR0_PG | CR0_PE | CR0_WP | CR0_TS | CR0_ET | CR0_NE);
    guest_new(LONG);
    assert_int_equal(mov_to(0, CR0_PG | CR0_PE | CR0_NE), NEXT); /* WP off */
    assert_int_equal(fake_cpu.invvpids, 1);
    assert_int_equal(now(GS_CR0_SHADOW), CR0_PG | CR0_PE | CR0_ET | CR0_NE);
}

static void test_operand_size_and_register(void **state)
{
    (void)state;
    guest_new(LONG);
    assert_int_equal(mov_to(0, BIT(32) | CR0_PG | CR0_PE), FAULT_GP);
    guest_new(PAGED32); /* 32-bit code moves 32 bits */
    assert_int_equal(mov_to(0, BIT(32) | CR0_PG | CR0_PE | CR0_WP), NEXT);
    for (u32 reg = 0; reg < 16; reg++) {
        guest_new(LONG);
        for (u32 i = 0; i < 16; i++)
            r[i] = BIT(63); /* faults if it is taken */
        vmcs(GS_RSP, reg == RSP ? 5 : BIT(63));
        if (reg != RSP)
            r[reg] = 5;
        assert_int_equal(access_of(MOV_TO(8, reg)), NEXT);
        assert_int_equal(v->lapic.tpr, 0x50);
        assert_true(unchanged());
    }
}

static void test_cr8(void **state)
{
    (void)state;
    guest_new(LONG);
    for (u64 value = 0; value < 16; value++) {
        assert_int_equal(mov_to(8, value), NEXT);
        assert_int_equal(v->lapic.tpr, value << 4);
        for (u32 reg = 0; reg < 16; reg++) {
            exited();
            r[reg] = ~0ull;
            assert_int_equal(access_of(MOV_FROM(8, reg)), NEXT);
            if (reg == RSP) {
                assert_int_equal(now(GS_RSP), value);
                assert_int_equal(r[RSP], ~0ull);
            } else {
                assert_int_equal(r[reg], value);
            }
        }
    }
    for (u32 bit = 4; bit < 64; bit++) {
        assert_int_equal(mov_to(8, BIT(bit)), FAULT_GP);
        assert_int_equal(v->lapic.tpr, 0xf0);
    }
}

/* The local APIC's TPR: what it lets through or holds back is planned anew. */
static void test_cr8_is_the_tpr(void **state)
{
    (void)state;
    guest_new(LONG);
    vcpu_reset(v);
    lapic_post(&v->lapic, 0x51);
    v->irq_planned = true, v->todo = 0;
    assert_int_equal(mov_to(8, 4), NEXT);
    assert_int_equal(v->todo, 0);
    assert_int_equal(mov_to(8, 5), NEXT);
    assert_int_equal(v->todo, TODO_BOARD);
    v->irq_planned = false, v->todo = 0;
    assert_int_equal(mov_to(8, 4), NEXT);
    assert_int_equal(v->todo, TODO_BOARD);
    v->lapic.tpr = 0x9f; /* the class alone */
    assert_int_equal(access_of(MOV_FROM(8, RBX)), NEXT);
    assert_int_equal(r[RBX], 9);
}

static void test_cr4(void **state)
{
    (void)state;
    for (u32 bit = 0; bit < 64; bit++) {
        guest_new(LONG);
        const u64 value = CR4_PAE | BIT(bit);
        const bool may = vm.cpuid.cr4_mask & BIT(bit);

        assert_int_equal(mov_to(4, value), may ? NEXT : FAULT_GP);
        if (!may) {
            assert_true(unchanged());
            continue;
        }
        assert_int_equal(now(GS_CR4), value | CR4_VMXE | CR4_MCE);
        assert_int_equal(now(GS_CR4_SHADOW), value);
        assert_int_equal(fake_cpu.invvpids, 1);
    }
    guest_new(LONG);
    assert_int_equal(mov_to(4, 0), FAULT_GP); /* PAE under IA-32e */
    vmcs(GS_CR3, 0x10001);
    assert_int_equal(mov_to(4, CR4_PAE | CR4_PCIDE), FAULT_GP);
}

static void test_cr4_loads_pdptes(void **state)
{
    (void)state;
    guest_new(PAGED32);
    vmcs(GS_CR3, 0x8000);
    memcpy(ram(0x8000), (u64[]){0x1001, 0x2001, 0x3001, 0x4001}, 32);
    assert_int_equal(mov_to(4, CR4_PAE), NEXT);
    assert_int_equal(now(GS_PDPTE0), 0x1001);
    assert_int_equal(now(GS_PDPTE3), 0x4001);
    vmcs(GS_CR3, 0x8000);
    memcpy(ram(0x8018), (u64[]){0x4003}, 8);
    assert_int_equal(mov_to(4, CR4_PAE), FAULT_GP);
    assert_true(unchanged());
}

/* The value that the rules see is the guest's own: shadow where the bit is Lintel's. */
static void test_clts_lmsw_see_the_shadow(void **state)
{
    (void)state;
    guest_new(LONG);
    vmcs(GS_CR0, CR0_PG | CR0_PE | CR0_TS | CR0_MP | CR0_WP | CR0_NE);
    vmcs(GS_CR0_SHADOW, CR0_CD | CR0_ET); /* the rest of the shadow is stale */
    assert_int_equal(access_of(CLTS), NEXT);
    assert_int_equal(now(GS_CR0), CR0_PG | CR0_PE | CR0_MP | CR0_WP | CR0_ET | CR0_NE);
    assert_int_equal(now(GS_CR0_SHADOW), CR0_PG | CR0_PE | CR0_MP | CR0_WP | CR0_ET | CR0_CD);
    assert_int_equal(fake_cpu.invvpids, 0);
}

static void test_lmsw(void **state)
{
    static const u64 word = CR0_PE | CR0_MP | CR0_EM | CR0_TS;

    (void)state;
    for (u64 old = 0; old < 16; old++)
        for (u64 source = 0; source < 16; source++) {
            guest_new(REAL);
            vmcs(GS_CR0, CR0_ET | CR0_NE | CR0_WP | old);
            assert_int_equal(access_of(LMSW(0xfff0 | source)), NEXT);
            assert_int_equal(now(GS_CR0) & word, source | (old & CR0_PE));
            assert_int_equal(now(GS_CR0) & ~word, CR0_ET | CR0_NE | CR0_WP);
            assert_int_equal(now(GS_CR0_SHADOW) & ~word, CR0_ET | CR0_WP);
        }
}

/* Accesses that our controls do not make exit: that they do is our own error, not a resume. */
static void test_others_stop_the_guest(void **state)
{
    static const u64 quals[] = {MOV_TO(3, RAX),   MOV_FROM(3, RAX), MOV_FROM(0, RAX),
                                MOV_FROM(4, RAX), MOV_TO(2, RAX),   MOV_TO(15, RAX)};

    (void)state;
    guest_new(LONG);
    for (size_t i = 0; i < ARRAY_LEN(quals); i++)
        assert_int_equal(access_of(quals[i]), KILL);
    assert_true(unchanged());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_mode_begins_and_ends),
        cmocka_unit_test(test_refused_transitions_change_nothing),
        cmocka_unit_test(test_16_bit_tss_matters_only_when_long_mode_begins),
        cmocka_unit_test(test_pdptes),
        cmocka_unit_test(test_paging_off),
        cmocka_unit_test(test_flush_only_when_translation_changes),
        cmocka_unit_test(test_operand_size_and_register),
        cmocka_unit_test(test_cr8),
        cmocka_unit_test(test_cr8_is_the_tpr),
        cmocka_unit_test(test_cr4),
        cmocka_unit_test(test_cr4_loads_pdptes),
        cmocka_unit_test(test_clts_lmsw_see_the_shadow),
        cmocka_unit_test(test_lmsw),
        cmocka_unit_test(test_others_stop_the_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
