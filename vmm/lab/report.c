/* Findings as lines and as JSON; see report.h. */
#include "vmm/lab/report.h"
#include "arch/x86_64/log.h"
#include "lib/mem.h"
#include "vmm/lab/stats.h"

static const char *const outcome_name[] = {
    [LAB_PASS] = "pass",
    [LAB_FAIL] = "fail",
    [LAB_ABSENT] = "absent",
    [LAB_UNTESTED] = "untested",
};

static void write_finding(struct lab_report *r, const char *name, const char *result,
                          const char *key, const char *text)
{
    json_object(&r->json, NULL);
    json_string(&r->json, "name", name);
    json_string(&r->json, "result", result);
    json_string(&r->json, key, text);
    json_close(&r->json);
    log_info("lab: %-8s %s%s%s", result, name, text[0] ? ": " : "", text);
}

void lab_report_check(struct lab_report *r, const char *name, bool ok, const char *reason)
{
    write_finding(r, name, ok ? "pass" : "fail", "reason", reason);
}

void lab_report_test(struct lab_report *r, const char *name, enum lab_outcome outcome,
                     const char *detail)
{
    r->passed += outcome == LAB_PASS;
    r->failed += outcome == LAB_FAIL;
    r->absent += outcome == LAB_ABSENT;
    r->untested += outcome == LAB_UNTESTED;
    write_finding(r, name, outcome_name[outcome], "detail", detail);
}

static void write_buckets(struct json *j, const struct hist *h)
{
    json_array(j, "buckets");
    for (u32 b = 0; b < HIST_BUCKETS; b++) {
        if (h->bucket[b] == 0)
            continue;
        json_array(j, NULL);
        json_number(j, NULL, hist_bucket_first(b));
        json_number(j, NULL, h->bucket[b]);
        json_close(j);
    }
    json_close(j);
}

static void write_cost(struct lab_report *r, const struct lab_row *row, u64 count,
                       const struct lab_summary *s, const struct hist *h)
{
    struct json *j = &r->json;

    json_object(j, NULL);
    json_string(j, "name", row->name);
    json_string(j, "group", row->group);
    json_string(j, "what", row->what);
    json_number(j, "samples", count);
    json_number(j, "min", s->min);
    json_number(j, "median", s->median);
    json_number(j, "p99", s->p99);
    json_number(j, "max", s->max);
    write_buckets(j, h);
    json_close(j);
    r->cost_rows++;
    log_info("lab: %-10s %-22s %8llu %8llu %8llu %8llu", row->group, row->name,
             (unsigned long long)s->min, (unsigned long long)s->median, (unsigned long long)s->p99,
             (unsigned long long)s->max);
}

void lab_report_cost(struct lab_report *r, const struct lab_row *row, u64 *sample, u32 count)
{
    static struct hist hist; /* too large for the stack; one CPU runs the laboratory */
    const struct lab_summary s = lab_summarize(sample, count);

    memset(&hist, 0, sizeof(hist));
    for (u32 i = 0; i < count; i++)
        hist_add(&hist, sample[i]);
    write_cost(r, row, count, &s, &hist);
}

void lab_report_stat(struct lab_report *r, const struct lab_row *row, const struct exit_stat *stat)
{
    const u64 min = stat->count ? stat->min : 0;
    const struct lab_summary s = {
        .min = min, /* which its own bucket may begin below */
        .median = MAX(min, hist_quantile(&stat->hist, 500)),
        .p99 = MAX(min, hist_quantile(&stat->hist, 990)),
        .max = stat->max,
    };

    write_cost(r, row, stat->count, &s, &stat->hist);
}
