/* The laboratory's story; see lab.h. */
#include "vmm/lab/lab.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/panic.h"
#include "version.h"
#include "vmm/audit.h"
#include "vmm/hostmem.h"
#include "vmm/lab/context.h"
#include "vmm/lab/floor.h"
#include "vmm/lab/header.h"
#include "vmm/lab/lintel_path.h"
#include "vmm/lab/memory.h"
#include "vmm/lab/mitigations.h"
#include "vmm/lab/parts.h"
#include "vmm/lab/preflight.h"
#include "vmm/lab/selftest.h"

#define LAB_FORMAT_VERSION 1u /* changes when a member's meaning does */

static struct lab lab; /* too large for the stack */

static void self_tests(void)
{
    struct lab_report *r = &lab.report;

    log_info("lab: self-test of the virtualization features");
    json_array(&r->json, "selftest");
    lab_selftest(&lab);
    json_close(&r->json);
    log_info("lab: %u pass, %u fail, %u absent, %u untested", r->passed, r->failed, r->absent,
             r->untested);
}

static void costs(void)
{
    struct lab_report *r = &lab.report;

    log_info("lab: costs in ticks of the TSC, %u samples", LAB_SAMPLES);
    log_info("lab: %-10s %-22s %8s %8s %8s %8s", "group", "name", "min", "median", "p99", "max");
    json_array(&r->json, "costs");
    lab_floor(&lab);
    lab_parts(&lab);
    lab_mitigations(&lab);
    lab_memory(&lab);
    lab_cell_destroy(&lab.cell); /* Lintel's own guest has the processor alone */
    lab_lintel(&lab);
    json_close(&r->json);
}

static void run(void)
{
    struct lab_report *r = &lab.report;

    lab_header(r);
    json_array(&r->json, "preflight");
    lab_preflight(r);
    json_close(&r->json);
    if (!lab_cell_create(&lab.cell))
        panic("lab: no memory for its guest");
    self_tests();
    costs();
}

void lab_run(struct lab_result *out)
{
    const u64 free_frames = hostmem()->free_frames;
    struct json *j = &lab.report.json;

    log_info("lab: the laboratory of Lintel %s", LINTEL_VERSION);
    lab.report = (struct lab_report){0};
    json_begin(j, out->text, out->capacity);
    json_string(j, "format", "lintel-lab");
    json_number(j, "version", LAB_FORMAT_VERSION);
    json_string(j, "lintel", LINTEL_VERSION);
    run();
    audit(NULL);
    if (hostmem()->free_frames != free_frames)
        panic("lab: %llu frames were not given back",
              (unsigned long long)(free_frames - hostmem()->free_frames));
    if (!json_finish(j))
        panic("lab: the result needs %zu bytes, there are %zu", j->len, out->capacity);
    out->len = j->len;
    log_info("lab: done, %u rows of costs", lab.report.cost_rows);
}
