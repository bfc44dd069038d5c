/* The self-test of the processor's virtualization features: what it says that it can do is done. */
#pragma once
#include "vmm/lab/context.h"

#define LAB_DETAIL_MAX 160u

struct lab_detail {
    char text[LAB_DETAIL_MAX];
};

/* A feature is there if the processor can set the control (0: needs none) and has the bits of
 * IA32_VMX_EPT_VPID_CAP.  It is tested in a cell as new; without a test it is never a pass. */
struct lab_test {
    const char *name;
    enum vmx_word word;
    u32 control;
    u64 ept_vpid;
    enum lab_outcome (*run)(struct lab_cell *c, struct lab_detail *d);
};

struct lab_tests {
    const struct lab_test *test;
    u32 count;
};

extern const struct lab_tests lab_ept_tests, lab_tlb_tests, lab_event_tests, lab_exit_tests,
    lab_clock_tests, lab_apic_tests, lab_feature_tests;

#define LAB_TESTS(name, table) const struct lab_tests name = {(table), ARRAY_LEN(table)}

void lab_selftest(struct lab *lab);

/* Writes the detail and returns the outcome. */
enum lab_outcome lab_say(struct lab_detail *d, enum lab_outcome outcome, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* "exit CPUID", "VM entry failed", ... */
const char *lab_reason(u32 reason);

/* What must hold, or the test fails with what was seen. */
#define LAB_WANT(condition, ...)                                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return lab_say(d, LAB_FAIL, __VA_ARGS__);                                              \
    } while (0)

/* Runs the cell, which must exit for this reason. */
#define LAB_EXPECT(c, wanted)                                                                      \
    do {                                                                                           \
        const u32 reason_ = lab_cell_run(c);                                                       \
        LAB_WANT(reason_ == (wanted), "%s instead of %s", lab_reason(reason_),                     \
                 lab_reason(wanted));                                                              \
    } while (0)
