/* Control-register rules against a second model, written as the manual's list of #GP causes. */
#include "vmm/policy/cr.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ALLOWED_CR4                                                                                \
    (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE | CR4_OSFXSR |   \
     CR4_OSXMMEXCPT | CR4_PCIDE | CR4_OSXSAVE | CR4_FSGSBASE | CR4_SMEP | CR4_SMAP)

static u64 rnd(void)
{
    static u64 x = 0x2545f4914f6cdd1dull;

    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}

/* SDM Vol. 2B, "MOV--Move to/from Control Registers": #GP(0) if ... */
static bool cr0_faults(const struct cr_view *v, u64 value)
{
    const bool was_paging = v->cr0 >> 31 & 1, paging = value >> 31 & 1;

    if (value > 0xffffffff)
        return true;
    if (paging && !(value & 1))
        return true;
    if ((value >> 29 & 1) && !(value >> 30 & 1))
        return true;
    if (!was_paging && paging && (v->efer & 0x100) && (!(v->cr4 >> 5 & 1) || v->cs_l))
        return true;
    if (was_paging && !paging && (v->cs_l && (v->efer & 0x400)))
        return true;
    return was_paging && !paging && (v->cr4 >> 17 & 1);
}

static void test_cr0_against_the_list(void **state)
{
    static const u64 bits[] = {CR0_PE, CR0_WP, CR0_NE, CR0_NW, CR0_CD, CR0_PG, CR0_TS, BIT(40)};
    u32 refused = 0, accepted = 0;

    (void)state;
    for (u32 old = 0; old < 256; old++)
        for (u32 new = 0; new < 256; new ++)
            for (u32 mode = 0; mode < 16; mode++) {
                struct cr_view v = {.cr4_allowed = ALLOWED_CR4};
                struct cr_effect e = {0};
                u64 value = 0;

                for (u32 i = 0; i < 8; i++) {
                    v.cr0 |= old >> i & 1 && i < 7 ? bits[i] : 0;
                    value |= new >> i & 1 ? bits[i] : 0;
                }
                v.cr4 = (mode & 1 ? CR4_PAE : 0) | (mode & 2 ? CR4_PCIDE : 0);
                v.efer = mode & 4 ? EFER_LME : 0;
                if ((v.cr0 & CR0_PG) && v.efer)
                    v.efer |= EFER_LMA;
                v.cs_l = mode & 8;

                const bool faults = cr0_write(&v, value, &e) != OK;

                assert_int_equal(faults, cr0_faults(&v, value));
                refused += faults;
                accepted += !faults;
                if (faults)
                    continue;
                assert_true(e.real & CR0_NE);
                assert_false(e.real & (CR0_CD | CR0_NW));
                assert_int_equal(e.shadow, value | CR0_ET);
                assert_int_equal(!!(e.efer & EFER_LMA), (value & CR0_PG) && (v.efer & EFER_LME));
            }
    assert_true(refused > 10000 && accepted > 10000);
}

static void test_cr4_against_the_list(void **state)
{
    u32 refused = 0, accepted = 0;

    (void)state;
    for (u32 i = 0; i < 200000; i++) {
        struct cr_view v = {.cr4_allowed = ALLOWED_CR4, .cr0 = CR0_PE | CR0_PG};
        struct cr_effect e = {0};
        const u64 value = rnd() & (i & 1 ? ALLOWED_CR4 : ALLOWED_CR4 | BIT(rnd() % 64));
        bool faults;

        v.cr4 = rnd() & ALLOWED_CR4;
        v.efer = i & 2 ? EFER_LME | EFER_LMA : 0;
        v.cr3 = i & 4 ? 5 : 0x1000;
        faults = (value & ~ALLOWED_CR4) || (v.efer && !(value >> 5 & 1)) ||
                 ((value >> 17 & 1) && !(v.cr4 >> 17 & 1) && (!v.efer || (v.cr3 & 0xfff)));
        assert_int_equal(cr4_write(&v, value, &e) != OK, faults);
        refused += faults;
        accepted += !faults;
        if (!faults) {
            assert_int_equal(e.real, value | CR4_VMXE | CR4_MCE);
            assert_int_equal(e.shadow, value);
        }
    }
    assert_true(refused > 10000 && accepted > 10000);
}

static void test_vmxe_is_never_granted(void **state)
{
    const struct cr_view v = {.cr4_allowed = ALLOWED_CR4, .cr0 = CR0_PE};
    struct cr_effect e;

    (void)state;
    assert_int_equal(cr4_write(&v, CR4_VMXE, &e), E_INVAL);
    assert_int_equal(cr4_write(&v, CR4_SMXE, &e), E_INVAL);
    assert_true(cr4_owned(ALLOWED_CR4) & CR4_VMXE);
    assert_false(cr4_owned(ALLOWED_CR4) & CR4_PGE);
}

static void test_pdptes_are_loaded_when_pae_begins(void **state)
{
    struct cr_view v = {.cr4 = CR4_PAE, .cr0 = CR0_PE, .cr4_allowed = ALLOWED_CR4};
    struct cr_effect e;

    (void)state;
    assert_int_equal(cr0_write(&v, CR0_PE | CR0_PG, &e), OK);
    assert_true(e.load_pdptes);
    v.efer = EFER_LME;
    assert_int_equal(cr0_write(&v, CR0_PE | CR0_PG, &e), OK);
    assert_false(e.load_pdptes);
    assert_int_equal(pdpte_check(0x1001, 40), OK);
    assert_int_equal(pdpte_check(0x1003, 40), E_INVAL);
    assert_int_equal(pdpte_check(BIT(40) | 1, 40), E_INVAL);
    assert_int_equal(pdpte_check(BIT(40), 40), OK); /* not present: nothing is checked */
}

static void test_efer(void **state)
{
    struct cr_view v = {.cr0 = CR0_PE | CR0_PG, .efer = EFER_LME | EFER_LMA};
    u64 efer;

    (void)state;
    assert_int_equal(efer_write(&v, EFER_LMA | EFER_NXE, &efer), E_INVAL); /* LME while paging */
    assert_int_equal(efer_write(&v, EFER_LME | EFER_NXE, &efer), OK);
    assert_int_equal(efer, EFER_LME | EFER_LMA | EFER_NXE); /* LMA is not the guest's to clear */
    assert_int_equal(efer_write(&v, EFER_LME | BIT(12), &efer), E_INVAL);
    assert_int_equal(efer_write(&v, EFER_LME | BIT(1), &efer), E_INVAL);
    v = (struct cr_view){.cr0 = CR0_PE};
    assert_int_equal(efer_write(&v, EFER_LME | EFER_LMA, &efer), OK);
    assert_int_equal(efer, EFER_LME);
}

/* All values of ten bits against SDM Vol. 1's list of legal combinations. */
static void test_xcr0(void **state)
{
    const u64 allowed = 0x2e7;
    u32 accepted = 0;

    (void)state;
    for (u64 value = 0; value < 1024; value++) {
        const bool avx512_ok = (value & 0xe0) == 0 || ((value & 0xe0) == 0xe0 && (value & 4));
        const bool legal =
            (value & 1) && !(value & ~allowed) && !((value & 4) && !(value & 2)) && avx512_ok;

        assert_int_equal(xcr0_check(value, allowed) == OK, legal);
        accepted += legal;
    }
    assert_int_equal(accepted, 8); /* {x87, +SSE, +AVX, +AVX-512} x {PKRU or not} */
    assert_int_equal(xcr0_check(7 | BIT(63), 7), E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cr0_against_the_list),
        cmocka_unit_test(test_cr4_against_the_list),
        cmocka_unit_test(test_vmxe_is_never_granted),
        cmocka_unit_test(test_pdptes_are_loaded_when_pae_begins),
        cmocka_unit_test(test_efer),
        cmocka_unit_test(test_xcr0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
