/* What the parts of the laboratory share.  One CPU runs it, once. */
#pragma once
#include "vmm/lab/cell.h"
#include "vmm/lab/report.h"

#define LAB_SERIES (LAB_WARM_UP + LAB_SAMPLES)

struct lab {
    struct lab_report report;
    struct lab_cell cell;
    u64 sample[LAB_SERIES];
};

#define LAB_ROW(id, group, text)                                                                   \
    &(const struct lab_row)                                                                        \
    {                                                                                              \
        id, group, text                                                                            \
    }

/* Reports sample[], less what was there to warm up. */
static inline void lab_report_series(struct lab *lab, const struct lab_row *row)
{
    lab_report_cost(&lab->report, row, lab->sample + LAB_WARM_UP, LAB_SAMPLES);
}
