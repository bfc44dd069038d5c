/* Cached translations: what drops them.  A processor may drop more than it must, so that a stale
 * translation need not be seen; then there is nothing to test an invalidation with.
 * SDM Vol. 3C, "Caching Translation Information". */
#include "arch/x86_64/paging.h"
#include "vmm/lab/selftest.h"

#define PROBE     CELL_PROBE
#define VALUE_OLD 0x6f6c64u
#define VALUE_NEW 0x6e6577u

enum { INVVPID_ADDRESS, INVVPID_SINGLE, INVVPID_ALL, INVVPID_SINGLE_GLOBAL };

static bool invvpid(u64 type, u64 address)
{
    const u64 descriptor[2] = {CELL_VPID, address};
    bool ok;

    __asm__ volatile("invvpid %1, %2" : "=@cca"(ok) : "m"(descriptor), "r"(type) : "memory");
    return ok;
}

static u64 load(struct lab_cell *c, u64 address)
{
    lab_cell_at(c, lab_code_load);
    c->frame.regs.r[RBX] = address;
    return lab_cell_run(c) == EXIT_VMCALL ? c->frame.regs.r[RAX] : ~0ull;
}

static void put_values(struct lab_cell *c)
{
    *lab_cell_word(c, CELL_PAGE(0)) = VALUE_OLD;
    *lab_cell_word(c, CELL_PAGE(1)) = VALUE_NEW;
}

/* What is read after the change, before and after the invalidation. */
static enum lab_outcome judge(struct lab_detail *d, u64 before, u64 after)
{
    LAB_WANT(after == VALUE_NEW, "the old translation is still used (read 0x%llx)",
             (unsigned long long)after);
    if (before == VALUE_OLD)
        return lab_say(d, LAB_PASS, "the old translation was used until then");
    return lab_say(d, LAB_UNTESTED, "nothing stale was seen before (read 0x%llx)",
                   (unsigned long long)before);
}

/* EPT points elsewhere. */
static enum lab_outcome change_ept(struct lab_cell *c, struct lab_detail *d, bool all)
{
    const hpa_t next = lab_cell_hpa(c, CELL_PAGE(1));
    u64 address, before;

    put_values(c);
    address = lab_cell_window(
        c, 0, lab_cell_leaf(c, PROBE, 0, lab_cell_hpa(c, CELL_PAGE(0)), EPT_RWX | EPT_WB));
    LAB_WANT(load(c, address) == VALUE_OLD, "the page cannot be read");
    *lab_cell_ept_entry(c, PROBE, 0) = next.v | EPT_RWX | EPT_WB;
    before = load(c, address);
    if (all)
        vmx_invept_all();
    else
        vmx_invept_single(virt_to_phys(c->ept.root));
    return judge(d, before, load(c, address));
}

static enum lab_outcome invept_single(struct lab_cell *c, struct lab_detail *d)
{
    return change_ept(c, d, false);
}

static enum lab_outcome invept_all(struct lab_cell *c, struct lab_detail *d)
{
    return change_ept(c, d, true);
}

/* The guest's own table points elsewhere. */
static enum lab_outcome change_guest(struct lab_cell *c, struct lab_detail *d, u64 type)
{
    u64 address, before;

    put_values(c);
    address = lab_cell_window(c, 0, CELL_PAGE(0));
    LAB_WANT(load(c, address) == VALUE_OLD, "the page cannot be read");
    lab_cell_window(c, 0, CELL_PAGE(1));
    before = load(c, address);
    LAB_WANT(invvpid(type, address), "INVVPID failed");
    return judge(d, before, load(c, address));
}

static enum lab_outcome invvpid_address(struct lab_cell *c, struct lab_detail *d)
{
    return change_guest(c, d, INVVPID_ADDRESS);
}

static enum lab_outcome invvpid_single(struct lab_cell *c, struct lab_detail *d)
{
    return change_guest(c, d, INVVPID_SINGLE);
}

static enum lab_outcome invvpid_all(struct lab_cell *c, struct lab_detail *d)
{
    return change_guest(c, d, INVVPID_ALL);
}

static enum lab_outcome invvpid_single_global(struct lab_cell *c, struct lab_detail *d)
{
    return change_guest(c, d, INVVPID_SINGLE_GLOBAL);
}

/* Without VPID each entry and exit drops what is cached. */
static enum lab_outcome without_vpid(struct lab_cell *c, struct lab_detail *d)
{
    u64 address, after;

    lab_cell_clear(c, WORD_CPU2, CPU2_VPID);
    put_values(c);
    address = lab_cell_window(c, 0, CELL_PAGE(0));
    LAB_WANT(load(c, address) == VALUE_OLD, "the page cannot be read");
    lab_cell_window(c, 0, CELL_PAGE(1));
    after = load(c, address);
    LAB_WANT(after == VALUE_NEW, "the old translation survived an exit (read 0x%llx)",
             (unsigned long long)after);
    return LAB_PASS;
}

#define INVVPID(bit) (EPT_VPID_INVVPID | (bit))
#define INVEPT(bit)  (EPT_VPID_INVEPT | (bit))

static const struct lab_test tests[] = {
    {"INVEPT, single-context", WORD_CPU2, CPU2_EPT, INVEPT(EPT_VPID_INVEPT_SINGLE), invept_single},
    {"INVEPT, all-context", WORD_CPU2, CPU2_EPT, INVEPT(EPT_VPID_INVEPT_ALL), invept_all},
    {"no VPID", WORD_CPU2, CPU2_EPT, 0, without_vpid},
    {"INVVPID, address", WORD_CPU2, CPU2_VPID, INVVPID(EPT_VPID_INVVPID_ADDRESS), invvpid_address},
    {"INVVPID, single-context", WORD_CPU2, CPU2_VPID, INVVPID(EPT_VPID_INVVPID_SINGLE),
     invvpid_single},
    {"INVVPID, all-context", WORD_CPU2, CPU2_VPID, INVVPID(EPT_VPID_INVVPID_ALL), invvpid_all},
    {"INVVPID, single-context but globals", WORD_CPU2, CPU2_VPID,
     INVVPID(EPT_VPID_INVVPID_SINGLE_GLOBAL), invvpid_single_global},
};
LAB_TESTS(lab_tlb_tests, tests);
