/* The gate to guest memory: extents and their edges, and real page tables in guest RAM. */
#include "ept/gva_walk.h"
#include "tools/unit/fake_guest.h"
#include "vmm/gmem.h"

#define MAX64 0xffffffffffffffffull

static void test_edges(void **state)
{
    // clang-format off
    static const struct { u64 gpa, len; bool one_extent, ram; } cases[] = {
        { 0,             1,              true,  true  },
        { 0,             LOW_END,        true,  true  },
        { 0,             LOW_END + 1,    false, false }, /* into the VGA window */
        { LOW_END - 1,   1,              true,  true  },
        { LOW_END - 1,   2,              false, false },
        { LOW_END,       1,              false, false },
        { 0xbffff,       1,              false, false },
        { 0xbffff,       2,              false, false },
        { MID_BEGIN,     1,              true,  true  },
        { MID_BEGIN,     MID_END - MID_BEGIN,     true,  true  },
        { MID_BEGIN,     MID_END - MID_BEGIN + 1, false, false },
        { MID_END - 8,   8,              true,  true  },
        { MID_END - 7,   8,              false, false },
        { MID_END,       1,              false, false },
        { HIGH_BEGIN - 1, 1,             false, false },
        { HIGH_BEGIN - 1, 2,             false, false },
        { HIGH_END - 1,  1,              true,  true  },
        { HIGH_END - 1,  2,              false, false },
        { MAX64,         1,              false, false },
        { MAX64,         2,              false, false }, /* wraps to 0 */
        { MAX64 - 3,     8,              false, false },
        { 8,             MAX64,          false, false },
        { 8,             MAX64 - 7,      false, false },
        { LOW_END - 1,   MAX64,          false, false },
        { BIT(63),       1,              false, false },
    };
    // clang-format on
    (void)state;
    guest_new(REAL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const gpa_t gpa = {cases[i].gpa};
        static u8 buf[MID_END];

        assert_int_equal(gmem_pointer(&vm, gpa, cases[i].len) != NULL, cases[i].one_extent);
        if (cases[i].one_extent)
            assert_ptr_equal(gmem_pointer(&vm, gpa, cases[i].len), ram(gpa.v));
        assert_int_equal(gmem_read(&vm, gpa, buf, cases[i].len) == OK, cases[i].ram);
        assert_int_equal(gmem_write(&vm, gpa, buf, cases[i].len) == OK, cases[i].ram);
    }
}

/* Two extents that touch in guest-physical space, far apart in the host's. */
static void test_across_extents(void **state)
{
    u8 out[8];

    (void)state;
    guest_new(REAL);
    add_extent(MID_END, MID_END + 0x1000);
    assert_int_equal(gmem_write(&vm, (gpa_t){MID_END - 3}, "abcdefgh", 8), OK);
    assert_memory_equal(ram(MID_END - 3), "abc", 3);
    assert_memory_equal(ram(MID_END), "defgh", 5);
    assert_int_equal(gmem_read(&vm, (gpa_t){MID_END - 3}, out, 8), OK);
    assert_memory_equal(out, "abcdefgh", 8);
    assert_null(gmem_pointer(&vm, (gpa_t){MID_END - 3}, 8));
    assert_int_equal(gmem_read(&vm, (gpa_t){MID_END + 0xff9}, out, 8), E_RANGE);
}

/* What cannot be done whole is not begun. */
static void test_refused_write_writes_nothing(void **state)
{
    (void)state;
    guest_new(REAL);
    fill(LOW_END - 4, 0x11, 4);
    assert_int_equal(gmem_write(&vm, (gpa_t){LOW_END - 4}, "abcdefgh", 8), E_RANGE);
    assert_memory_equal(ram(LOW_END - 4), "\x11\x11\x11\x11", 4);
}

static void test_no_extents(void **state)
{
    u8 byte;

    (void)state;
    guest_new(REAL);
    vm.extents = 0;
    assert_int_equal(gmem_read(&vm, (gpa_t){0}, &byte, 1), E_RANGE);
    guest_new(REAL);
}

static void test_translation_in_each_mode(void **state)
{
    static const u64 linear[] = {[PAGED32] = 0xc0001000,
                                 [PAE] = 0xc0001000,
                                 [COMPAT] = 0xc0001000,
                                 [LONG] = 0xffff800000001000};

    (void)state;
    for (u32 m = PAGED32; m <= LONG; m++) {
        struct gmem_fault fault = {0};
        gpa_t gpa;

        guest_new((enum mode)m);
        map(linear[m], 0x7000, PTE_RW);
        exited();
        assert_int_equal(gmem_translate(v, linear[m] + 0x123, GVA_WRITE, &gpa, &fault), OK);
        assert_int_equal(gpa.v, 0x7123);
        assert_int_equal(gmem_translate(v, linear[m] + 0x1000, GVA_WRITE, &gpa, &fault), E_NOENT);
        assert_int_equal(fault.gva, linear[m] + 0x1000);
        assert_int_equal(fault.error, PF_W);
        map(linear[m], 0x7000, PTE_P);
        assert_int_equal(gmem_translate(v, linear[m] + 5, 0, &gpa, &fault), OK);
        assert_int_equal(gmem_translate(v, linear[m] + 5, GVA_WRITE, &gpa, &fault), E_PERM);
        assert_int_equal(fault.gva, linear[m] + 5);
        assert_int_equal(fault.error, PF_P | PF_W);
        set_cpl(3);
        exited();
        assert_int_equal(gmem_translate(v, linear[m], 0, &gpa, &fault), E_PERM);
        assert_int_equal(fault.error, PF_P | PF_U);
        for (u32 cpl = 0; cpl < 3; cpl++) { /* rings 0 to 2 are the supervisor */
            set_cpl(cpl);
            exited();
            assert_int_equal(gmem_translate(v, linear[m], 0, &gpa, &fault), OK);
        }
    }
}

static void test_without_paging(void **state)
{
    struct gmem_fault fault = {0};
    gpa_t gpa;
    u32 value = 0;

    (void)state;
    guest_new(FLAT32);
    assert_int_equal(gmem_translate(v, 0x100007fff, GVA_WRITE, &gpa, &fault), OK);
    assert_int_equal(gpa.v, 0x7fff); /* 32-bit linear addresses */
    fill(0x7ffe, 0xab, 4);
    assert_int_equal(gmem_read_gva(v, 0x7ffe, 0, &value, 4, &fault), OK);
    assert_int_equal(value, 0xabababab);
    assert_int_equal(gmem_read_gva(v, LOW_END - 2, 0, &value, 4, &fault), E_RANGE);
}

static void test_page_crossing(void **state)
{
    struct gmem_fault fault = {0};
    u8 out[4];

    (void)state;
    guest_new(LONG);
    map(0x400000, 0x7000, PTE_RW);
    map(0x401000, 0x9000, PTE_RW); /* not adjacent */
    exited();
    assert_int_equal(gmem_write_gva(v, 0x400ffd, "wxyz", 4, &fault), OK);
    assert_memory_equal(ram(0x7ffd), "wxy", 3);
    assert_memory_equal(ram(0x9000), "z", 1);
    assert_int_equal(gmem_read_gva(v, 0x400ffd, 0, out, 4, &fault), OK);
    assert_memory_equal(out, "wxyz", 4);
    map(0x401000, 0x9000, 0);
    assert_int_equal(gmem_read_gva(v, 0x400ffd, 0, out, 4, &fault), E_NOENT);
    assert_int_equal(fault.gva, 0x401000);
    assert_int_equal(gmem_read_gva(v, 0x400ffc, 0, out, 4, &fault), OK); /* ends at the edge */
    map(0x401000, LOW_END, PTE_RW);
    assert_int_equal(gmem_read_gva(v, 0x400ffd, 0, out, 4, &fault), E_RANGE);
    assert_int_equal(gmem_write_gva(v, 0x400ffd, out, 17, &fault),
                     E_INVAL); /* more than a register */
}

/* Paging bits that the walk gets from the vCPU: each decides at least once. */
static void test_rights(void **state)
{
    struct gmem_fault fault = {0};
    u32 value;
    gpa_t gpa;

    (void)state;
    guest_new(LONG);
    map(0x400000, 0x7000, PTE_P | PTE_U | PTE_XD);
    exited();
    assert_int_equal(gmem_read_gva(v, 0x400000, GVA_EXEC, &value, 4, &fault), E_PERM);
    assert_int_equal(fault.error, PF_P | PF_I);
    assert_int_equal(gmem_read_gva(v, 0x400000, GVA_WRITE, &value, 4, &fault), OK); /* a read */
    assert_int_equal(gmem_translate(v, 0x400000, GVA_WRITE, &gpa, &fault), E_PERM);
    vmcs(GS_CR0, fake_cpu.vmcs[GS_CR0] & ~CR0_WP);
    assert_int_equal(gmem_translate(v, 0x400000, GVA_WRITE, &gpa, &fault), OK);
    vmcs(GS_CR4, fake_cpu.vmcs[GS_CR4] | CR4_SMAP);
    assert_int_equal(gmem_translate(v, 0x400000, 0, &gpa, &fault), E_PERM);
    assert_int_equal(fault.error, PF_P);
    vmcs(GS_RFLAGS, RFLAGS_AC);
    assert_int_equal(gmem_translate(v, 0x400000, 0, &gpa, &fault), OK);
    vmcs(GS_EFER, EFER_LME | EFER_LMA); /* without NXE the XD bit is reserved */
    assert_int_equal(gmem_translate(v, 0x400000, 0, &gpa, &fault), E_PERM);
    assert_int_equal(fault.error, PF_P | PF_RSVD);
}

static void test_physical_width_and_1g_pages(void **state)
{
    struct gmem_fault fault = {0};
    const u64 gva = 0x4000000000;
    gpa_t gpa;

    (void)state;
    guest_new(LONG);
    map(gva, BIT(40), PTE_RW);
    exited();
    assert_int_equal(gmem_translate(v, gva, 0, &gpa, &fault), E_PERM);
    assert_int_equal(fault.error, PF_P | PF_RSVD);
    vm.cpuid.phys_bits = 41;
    assert_int_equal(gmem_translate(v, gva, 0, &gpa, &fault), OK);
    assert_int_equal(gpa.v, BIT(40));

    const u64 pml4e = entry_get(fake_cpu.vmcs[GS_CR3]);

    entry_set((pml4e & ~0xfffull) + 256 * 8, 0x40000000 | PTE_RW | BIT(7));
    assert_int_equal(gmem_translate(v, gva + 0x123456, 0, &gpa, &fault), OK);
    assert_int_equal(gpa.v, 0x40123456);
    vm.cpuid.has_1g = false;
    assert_int_equal(gmem_translate(v, gva, 0, &gpa, &fault), E_PERM);
}

/* PAE: what the processor holds counts, not what memory says by now. */
static void test_pdpte_registers(void **state)
{
    struct gmem_fault fault = {0};
    gpa_t gpa;

    (void)state;
    guest_new(PAE);
    map(0x80000000, 0x7000, PTE_RW);
    fill(fake_cpu.vmcs[GS_CR3], 0, 32);
    exited();
    assert_int_equal(gmem_translate(v, 0x80000010, 0, &gpa, &fault), OK);
    assert_int_equal(gpa.v, 0x7010);
    vmcs(GS_PDPTE2, 0);
    assert_int_equal(gmem_translate(v, 0x80000010, 0, &gpa, &fault), E_NOENT);
}

static void test_hostile_tables(void **state)
{
    struct gmem_fault fault = {0};
    gpa_t gpa;
    u8 byte;

    (void)state;
    guest_new(LONG); /* CR3 and tables outside of RAM */
    vmcs(GS_CR3, 0xfee00000);
    assert_int_equal(gmem_translate(v, 0, 0, &gpa, &fault), E_IO);
    vmcs(GS_CR3, 0x000ffffffffff000);
    assert_int_equal(gmem_translate(v, 0, 0, &gpa, &fault), E_IO);
    vmcs(GS_CR3, LOW_END - 0x1000);
    entry_set(LOW_END - 0x1000, LOW_END | PTE_RW);
    assert_int_equal(gmem_translate(v, 0, 0, &gpa, &fault), E_IO);
    entry_set(LOW_END - 0x1000, (LOW_END - 0x1000) | PTE_RW); /* a table that is its own child */
    assert_int_equal(gmem_translate(v, 0x18, 0, &gpa, &fault), OK);
    assert_int_equal(gpa.v, LOW_END - 0x1000 + 0x18);
    guest_new(LONG);
    map(0x400000, 0x000000fffffff000, PTE_RW); /* the last page of MAXPHYADDR */
    exited();
    assert_int_equal(gmem_read_gva(v, 0x400fff, 0, &byte, 1, &fault), E_RANGE);
}

/* Not a page fault, but #GP: its own error. */
static void test_not_canonical(void **state)
{
    struct gmem_fault fault = {0};
    gpa_t gpa;
    u16 word = 0;

    (void)state;
    guest_new(LONG);
    map(0x7ffffffff000, 0x7000, PTE_RW);
    exited();
    assert_int_equal(gmem_translate(v, 0x800000000000, 0, &gpa, &fault), E_INVAL);
    assert_int_equal(gmem_translate(v, 0xffff7fffffffffff, 0, &gpa, &fault), E_INVAL);
    assert_int_equal(gmem_read_gva(v, 0x7fffffffffff, 0, &word, 1, &fault), OK);
    assert_int_equal(gmem_read_gva(v, 0x7fffffffffff, 0, &word, 2, &fault), E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_across_extents),
        cmocka_unit_test(test_refused_write_writes_nothing),
        cmocka_unit_test(test_no_extents),
        cmocka_unit_test(test_translation_in_each_mode),
        cmocka_unit_test(test_without_paging),
        cmocka_unit_test(test_page_crossing),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_physical_width_and_1g_pages),
        cmocka_unit_test(test_pdpte_registers),
        cmocka_unit_test(test_hostile_tables),
        cmocka_unit_test(test_not_canonical),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
