/* Runs the tests of every table; see selftest.h. */
#include "vmm/lab/selftest.h"
#include "lib/fmt.h"

static const struct lab_tests *const tables[] = {
    &lab_ept_tests,   &lab_tlb_tests,  &lab_event_tests,   &lab_exit_tests,
    &lab_clock_tests, &lab_apic_tests, &lab_feature_tests,
};

enum lab_outcome lab_say(struct lab_detail *d, enum lab_outcome outcome, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fmt_vbuf(d->text, sizeof(d->text), format, args);
    va_end(args);
    return outcome;
}

const char *lab_reason(u32 reason)
{
    switch (reason) {
    case CELL_VMFAIL: return "VMfail";
    case CELL_ENTRY_FAILED: return "a failed VM entry";
    default: return exit_reason_name(reason);
    }
}

static bool is_there(const struct lab_test *t)
{
    return lab_cell_can(t->word, t->control) && vmx_cap_ept_vpid(&vmx_facts()->caps, t->ept_vpid);
}

static void run(struct lab *lab, const struct lab_test *t)
{
    struct lab_detail d = {.text = ""};
    enum lab_outcome outcome = LAB_ABSENT;

    if (is_there(t)) {
        lab_cell_reset(&lab->cell);
        outcome =
            t->run ? t->run(&lab->cell, &d) : lab_say(&d, LAB_UNTESTED, "present, not tested");
    }
    lab_report_test(&lab->report, t->name, outcome, d.text);
}

void lab_selftest(struct lab *lab)
{
    for (u32 i = 0; i < ARRAY_LEN(tables); i++)
        for (u32 t = 0; t < tables[i]->count; t++)
            run(lab, &tables[i]->test[t]);
}
