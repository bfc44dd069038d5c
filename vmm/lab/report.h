/* What the laboratory says: each finding is a line of the log, which shows progress, and a member
 * of the JSON text. */
#pragma once
#include "lib/json.h"
#include "vmm/exit_stats.h"

#define LAB_SAMPLES 1000u /* of each row of the cost table */
#define LAB_WARM_UP 100u  /* before them, thrown away */

struct lab_report {
    struct json json;
    u32 passed, failed, absent, untested;
    u32 cost_rows;
};

enum lab_outcome { LAB_PASS, LAB_FAIL, LAB_ABSENT, LAB_UNTESTED };

struct lab_row {
    const char *name;
    const char *group; /* floor, lintel, part, memory, mitigation, measuring */
    const char *what;  /* lies between the two stamps */
};

/* An element of the array that is open: "preflight". */
void lab_report_check(struct lab_report *r, const char *name, bool ok, const char *reason);
/* "selftest" */
void lab_report_test(struct lab_report *r, const char *name, enum lab_outcome outcome,
                     const char *detail);
/* "costs"; sorts the samples. */
void lab_report_cost(struct lab_report *r, const struct lab_row *row, u64 *sample, u32 count);
/* The same of a counter that is always on; quantiles are then the first values of their
 * buckets, or the minimum. */
void lab_report_stat(struct lab_report *r, const struct lab_row *row, const struct exit_stat *s);
