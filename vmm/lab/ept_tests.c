/* Extended page tables: leaves of every size, permissions, accessed and dirty bits.
 * SDM Vol. 3C, "The Extended Page Table Mechanism (EPT)". */
#include "vmm/lab/selftest.h"

#define PROBE        CELL_PROBE
#define EPT_ACCESSED BIT(8)
#define EPT_DIRTY    BIT(9)
#define EPT_USER_X   BIT(10)
#define QUAL_READ    BIT(0)
#define QUAL_WRITE   BIT(1)
#define QUAL_FETCH   BIT(2)
#define PATTERN      0x4c696e74656c4c61ull
#define ANSWER       0x6c61622077726974ull

/* A page of the cell at PROBE too, and in the window; returns its linear address. */
static u64 probe(struct lab_cell *c, u32 level, u32 attr)
{
    *lab_cell_word(c, CELL_PAGE(0)) = PATTERN;
    return lab_cell_window(c, 0,
                           lab_cell_leaf(c, PROBE, level, lab_cell_hpa(c, CELL_PAGE(0)), attr));
}

static void at(struct lab_cell *c, const u8 *code, u64 address)
{
    lab_cell_at(c, code);
    c->frame.regs.r[RBX] = address;
    c->frame.regs.r[RCX] = ANSWER;
}

static enum lab_outcome leaf(struct lab_cell *c, struct lab_detail *d, u32 level)
{
    const u64 address = probe(c, level, EPT_RWX | EPT_WB);

    at(c, lab_code_load, address);
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(c->frame.regs.r[RAX] == PATTERN, "read 0x%llx",
             (unsigned long long)c->frame.regs.r[RAX]);
    at(c, lab_code_store, address);
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(*lab_cell_word(c, CELL_PAGE(0)) == ANSWER, "the guest's store is not there");
    return LAB_PASS;
}

static enum lab_outcome leaf_4k(struct lab_cell *c, struct lab_detail *d)
{
    return leaf(c, d, 0);
}

static enum lab_outcome leaf_2m(struct lab_cell *c, struct lab_detail *d)
{
    return leaf(c, d, 1);
}

static enum lab_outcome leaf_1g(struct lab_cell *c, struct lab_detail *d)
{
    return leaf(c, d, 2);
}

/* The access must violate what EPT allows, and be reported as what it is. */
static enum lab_outcome refused(struct lab_cell *c, struct lab_detail *d, const u8 *code,
                                u64 address, u64 access)
{
    const u64 all = QUAL_READ | QUAL_WRITE | QUAL_FETCH;
    u64 qual;

    at(c, code, address);
    LAB_EXPECT(c, EXIT_EPT_VIOLATION);
    qual = vmcs_rn(VMCS_EXIT_QUALIFICATION);
    LAB_WANT((qual & all) == access, "qualification 0x%llx", (unsigned long long)qual);
    LAB_WANT(ALIGN_DOWN(vmcs_r64(VMCS_GUEST_PHYSICAL_ADDR), PAGE_SIZE) == PROBE,
             "guest-physical address 0x%llx",
             (unsigned long long)vmcs_r64(VMCS_GUEST_PHYSICAL_ADDR));
    return LAB_PASS;
}

static enum lab_outcome read_only(struct lab_cell *c, struct lab_detail *d)
{
    const u64 address = probe(c, 0, EPT_R | EPT_WB);

    at(c, lab_code_load, address);
    LAB_EXPECT(c, EXIT_VMCALL);
    return refused(c, d, lab_code_store, address, QUAL_WRITE);
}

static enum lab_outcome no_execute(struct lab_cell *c, struct lab_detail *d)
{
    return refused(c, d, lab_code_exec, probe(c, 0, EPT_R | EPT_W | EPT_WB), QUAL_FETCH);
}

static enum lab_outcome execute_only(struct lab_cell *c, struct lab_detail *d)
{
    const u64 address = probe(c, 0, EPT_X | EPT_WB);

    *lab_cell_word(c, CELL_PAGE(0)) = *lab_code_ret;
    at(c, lab_code_exec, address);
    LAB_EXPECT(c, EXIT_VMCALL);
    return refused(c, d, lab_code_load, address, QUAL_READ);
}

static enum lab_outcome accessed_dirty(struct lab_cell *c, struct lab_detail *d)
{
    const u64 address = probe(c, 0, EPT_RWX | EPT_WB);
    const volatile u64 *entry = lab_cell_ept_entry(c, PROBE, 0);

    LAB_WANT(!(*entry & (EPT_ACCESSED | EPT_DIRTY)), "bits are set before any access");
    at(c, lab_code_load, address);
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT((*entry & (EPT_ACCESSED | EPT_DIRTY)) == EPT_ACCESSED,
             "after a read the entry is 0x%llx", (unsigned long long)*entry);
    at(c, lab_code_store, address);
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(*entry & EPT_DIRTY, "after a write the entry is 0x%llx", (unsigned long long)*entry);
    return LAB_PASS;
}

static enum lab_outcome misconfiguration(struct lab_cell *c, struct lab_detail *d)
{
    const u64 address = probe(c, 0, EPT_RWX | EPT_WB);
    u64 *entry = lab_cell_ept_entry(c, PROBE, 0);

    *entry = (*entry & ~(u64)EPT_RWX) | EPT_W; /* writable, but not readable */
    at(c, lab_code_load, address);
    LAB_EXPECT(c, EXIT_EPT_MISCONFIG);
    return LAB_PASS;
}

/* Every entry over the cell's own memory lets pages of ring 3, which all are in the guest's tables,
 * be executed. */
static void allow_user_execute(struct lab_cell *c)
{
    for (u64 gpa = 0; gpa < CELL_SIZE; gpa += PAGE_SIZE)
        *lab_cell_ept_entry(c, gpa, 0) |= EPT_USER_X;
    for (u32 level = 1; level <= 3; level++) {
        *lab_cell_ept_entry(c, 0, level) |= EPT_USER_X;
        *lab_cell_ept_entry(c, PROBE, level) |= EPT_USER_X;
    }
}

static enum lab_outcome mode_based_execute(struct lab_cell *c, struct lab_detail *d)
{
    const u64 address = probe(c, 0, EPT_R | EPT_W | EPT_WB);

    lab_cell_set(c, WORD_CPU2, CPU2_MODE_BASED_EXECUTE);
    allow_user_execute(c);
    *lab_cell_word(c, CELL_PAGE(0)) = *lab_code_ret;
    *lab_cell_ept_entry(c, PROBE, 0) |= EPT_USER_X;
    at(c, lab_code_exec, address);
    LAB_EXPECT(c, EXIT_VMCALL);
    *lab_cell_ept_entry(c, PROBE, 0) ^= EPT_USER_X | EPT_X;
    lab_cell_flush_ept(c);
    return refused(c, d, lab_code_exec, address, QUAL_FETCH);
}

static const struct lab_test tests[] = {
    {"EPT, 4 KiB leaf", WORD_CPU2, CPU2_EPT, 0, leaf_4k},
    {"EPT, 2 MiB leaf", WORD_CPU2, CPU2_EPT, EPT_VPID_2M, leaf_2m},
    {"EPT, 1 GiB leaf", WORD_CPU2, CPU2_EPT, EPT_VPID_1G, leaf_1g},
    {"EPT, read-only page", WORD_CPU2, CPU2_EPT, 0, read_only},
    {"EPT, no-execute page", WORD_CPU2, CPU2_EPT, 0, no_execute},
    {"EPT, execute-only page", WORD_CPU2, CPU2_EPT, EPT_VPID_EXEC_ONLY, execute_only},
    {"EPT, accessed and dirty bits", WORD_CPU2, CPU2_EPT, EPT_VPID_ACCESSED_DIRTY, accessed_dirty},
    {"EPT misconfiguration", WORD_CPU2, CPU2_EPT, 0, misconfiguration},
    {"EPT, 5 levels", WORD_CPU2, CPU2_EPT, EPT_VPID_WALK_5, NULL},
    {"mode-based execute control", WORD_CPU2, CPU2_MODE_BASED_EXECUTE, 0, mode_based_execute},
    {"sub-page write permissions", WORD_CPU2, CPU2_SUB_PAGE_WRITE, 0, NULL},
};
LAB_TESTS(lab_ept_tests, tests);
