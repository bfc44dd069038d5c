/* The walk of page tables, by size of the EPT's leaf, and without EPT.  The guest's own page is
 * always of 4 KiB, so that nothing but the experiment's memory can be reached, even by speculation;
 * its tables lie in a part of memory that EPT maps with 4 KiB leaves. */
#include "vmm/lab/memory.h"
#include "arch/x86_64/log.h"
#include "vmm/lab/series.h"

static void measure(struct lab *lab, const u8 *code, u64 address, const struct lab_row *row)
{
    struct lab_cell *c = &lab->cell;

    c->frame.regs.r[R8] = address;
    if (lab_series_guest(lab, code, lab_skip_flush))
        lab_report_series(lab, row);
    else
        log_warning("lab: %s: the series did not end", row->name);
}

#define LOAD "MOV of 4 bytes; "

/* Level 0 to 2. */
static const struct lab_row leaf_rows[] = {
    {"load-ept-4k", "memory", LOAD "translations dropped; the EPT's leaf has 4 KiB"},
    {"load-ept-2m", "memory", LOAD "translations dropped; the EPT's leaf has 2 MiB"},
    {"load-ept-1g", "memory", LOAD "translations dropped; the EPT's leaf has 1 GiB"},
};

static void measure_leaf(struct lab *lab, u32 level)
{
    struct lab_cell *c = &lab->cell;

    if (level == 2 && !vmx_cap_ept_vpid(&vmx_facts()->caps, EPT_VPID_1G))
        return;
    lab_cell_reset(c);
    measure(lab, lab_bench_flushed_load,
            lab_cell_window(c, 0,
                            lab_cell_leaf(c, CELL_PROBE, level, lab_cell_hpa(c, CELL_PAGE(0)),
                                          EPT_RWX | EPT_WB)),
            &leaf_rows[level]);
}

/* The guest's tables hold physical addresses of the machine; INVEPT drops nothing then, so that a
 * VPID of 0 does: every entry and exit drops what is cached for it. */
static void measure_without_ept(struct lab *lab)
{
    static const struct lab_row row = {
        "load-no-ept", "memory",
        LOAD "translations dropped; no EPT: the guest's tables are walked alone"};
    struct lab_cell *c = &lab->cell;

    lab_cell_reset(c);
    lab_cell_clear(c, WORD_CPU2, CPU2_EPT | CPU2_UNRESTRICTED_GUEST | CPU2_VPID);
    lab_cell_page_tables(c, c->hpa.v);
    gs_set(&c->vcpu.guest, GS_CR3, c->hpa.v + CELL_TABLES);
    measure(lab, lab_bench_flushed_load, lab_cell_window(c, 0, lab_cell_hpa(c, CELL_PAGE(0)).v),
            &row);
}

void lab_memory(struct lab *lab)
{
    static const struct lab_row hit = {"load-cached", "memory",
                                       LOAD "data and translation are cached"};
    struct lab_cell *c = &lab->cell;

    lab_cell_reset(c);
    measure(lab, lab_bench_load, lab_cell_window(c, 0, CELL_PAGE(0)), &hit);
    for (u32 level = 0; level < ARRAY_LEN(leaf_rows); level++)
        measure_leaf(lab, level);
    measure_without_ept(lab);
}
