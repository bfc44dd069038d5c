/* The guest's clock: offset and multiplier of the TSC.  SDM Vol. 3C, "Time-Stamp Counter Offset and
 * Multiplier". */
#include "arch/x86_64/insn.h"
#include "vmm/lab/selftest.h"

#define OFFSET 0x123456789abcull
#define ONE    BIT(48) /* a multiplier of 1 */
#define FACTOR 3u

static enum lab_outcome read_clock(struct lab_cell *c, struct lab_detail *d, u64 factor, u64 offset)
{
    u64 before, guest, after;

    lab_cell_at(c, lab_code_rdtsc);
    before = rdtsc() * factor + offset;
    LAB_EXPECT(c, EXIT_VMCALL);
    after = rdtsc() * factor + offset;
    guest = c->frame.regs.r[RAX];
    /* Differences, since products wrap. */
    LAB_WANT(guest - before <= after - before, "the guest's clock is off by %lld ticks",
             (long long)(guest - before));
    return LAB_PASS;
}

static enum lab_outcome offset(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_set(c, WORD_CPU, CPU_TSC_OFFSETTING);
    vmcs_w64(VMCS_TSC_OFFSET, OFFSET);
    return read_clock(c, d, 1, OFFSET);
}

static enum lab_outcome scaling(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_set(c, WORD_CPU, CPU_TSC_OFFSETTING);
    lab_cell_set(c, WORD_CPU2, CPU2_TSC_SCALING);
    vmcs_w64(VMCS_TSC_OFFSET, OFFSET);
    vmcs_w64(VMCS_TSC_MULTIPLIER, FACTOR * ONE);
    return read_clock(c, d, FACTOR, OFFSET);
}

static const struct lab_test tests[] = {
    {"TSC offsetting", WORD_CPU, CPU_TSC_OFFSETTING, 0, offset},
    {"TSC scaling", WORD_CPU2, CPU2_TSC_SCALING, 0, scaling},
};
LAB_TESTS(lab_clock_tests, tests);
