/* The floor of each kind of exit, seen from the guest: the instruction exits to a stub that skips
 * it and resumes (lab_skip in enter.asm), four instructions in all. */
#include "vmm/lab/floor.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "lib/mem.h"
#include "vmm/lab/series.h"

#define NOT_THERE   0x80000000u /* guest-physical: nothing is mapped */
#define MISCONFIG   0x40000000u
#define EPT_W_ALONE 2u /* writable, but not readable: a misconfiguration */

static void own_control_registers(struct lab_cell *c)
{
    vmcs_wn(VMCS_CR0_MASK, UINT64_MAX);
    vmcs_wn(VMCS_CR4_MASK, UINT64_MAX);
    c->frame.regs.r[R10] = CR0_PE | CR0_PG; /* not what the read shadows hold */
}

static void exit_on_cr3(struct lab_cell *c)
{
    lab_cell_set(c, WORD_CPU, CPU_CR3_LOAD_EXITING);
    c->frame.regs.r[R10] = CELL_TABLES;
}

static void exit_on_wbinvd(struct lab_cell *c)
{
    lab_cell_set(c, WORD_CPU2, CPU2_WBINVD_EXITING);
}

static void misconfigure(struct lab_cell *c)
{
    lab_cell_leaf(c, MISCONFIG, 0, lab_cell_hpa(c, CELL_DATA), EPT_RWX | EPT_WB);
    *lab_cell_ept_entry(c, MISCONFIG, 0) &= ~(u64)EPT_RWX;
    *lab_cell_ept_entry(c, MISCONFIG, 0) |= EPT_W_ALONE;
}

#define STUB "; the exit, TEST, JNZ, VMWRITE of RIP, VMRESUME"

static const struct floor_row {
    const char *name, *what;
    const u8 *code;
    u16 reason;
    u32 r8, r9;
    void (*set_up)(struct lab_cell *c);
    enum vmx_word word;
    u32 control; /* without it the instruction does not exit */
} rows[] = {
    {"cpuid", "XOR, CPUID" STUB, lab_bench_cpuid, EXIT_CPUID, 0, 0, NULL, 0, 0},
    {"vmcall", "MOV, VMCALL" STUB, lab_bench_vmcall, EXIT_VMCALL, 0, 0, NULL, 0, 0},
    {"rdmsr", "MOV, RDMSR" STUB, lab_bench_rdmsr, EXIT_RDMSR, 0, MSR_APIC_BASE, NULL, 0, 0},
    {"wrmsr", "3 MOV, WRMSR" STUB, lab_bench_wrmsr, EXIT_WRMSR, 0, MSR_APIC_BASE, NULL, 0, 0},
    {"in", "MOV, IN" STUB, lab_bench_in, EXIT_IO, 0, 0x80, NULL, 0, 0},
    {"out", "2 MOV, OUT" STUB, lab_bench_out, EXIT_IO, 0, 0x80, NULL, 0, 0},
    {"hlt", "HLT" STUB, lab_bench_hlt, EXIT_HLT, 0, 0, NULL, 0, 0},
    {"xsetbv", "2 XOR, MOV, XSETBV" STUB, lab_bench_xsetbv, EXIT_XSETBV, 0, 0, NULL, 0, 0},
    {"wbinvd", "WBINVD" STUB, lab_bench_wbinvd, EXIT_WBINVD, 0, 0, exit_on_wbinvd, WORD_CPU2,
     CPU2_WBINVD_EXITING},
    {"invd", "INVD" STUB, lab_bench_invd, EXIT_INVD, 0, 0, NULL, 0, 0},
    {"mov-cr0", "XOR, MOV to CR0" STUB, lab_bench_mov_cr0, EXIT_CR_ACCESS, 0, 0,
     own_control_registers, 0, 0},
    {"mov-cr3", "MOV to CR3" STUB, lab_bench_mov_cr3, EXIT_CR_ACCESS, 0, 0, exit_on_cr3, WORD_CPU,
     CPU_CR3_LOAD_EXITING},
    {"mov-cr4", "MOV to CR4" STUB, lab_bench_mov_cr4, EXIT_CR_ACCESS, 0, 0, own_control_registers,
     0, 0},
    {"exception", "UD2, which exits by the exception bitmap" STUB, lab_bench_ud2,
     EXIT_EXCEPTION_OR_NMI, 0, 0, NULL, 0, 0},
    {"ept-violation", "MOV from an address that EPT does not map" STUB, lab_bench_load,
     EXIT_EPT_VIOLATION, NOT_THERE, 0, NULL, 0, 0},
    {"mmio-write", "MOV to an address that EPT does not map" STUB, lab_bench_store,
     EXIT_EPT_VIOLATION, NOT_THERE, 0, NULL, 0, 0},
    {"ept-misconfig", "MOV from an address whose EPT entry is not valid" STUB, lab_bench_load,
     EXIT_EPT_MISCONFIG, MISCONFIG, 0, misconfigure, 0, 0},
};

static bool possible(const struct floor_row *row)
{
    if (row->reason == EXIT_XSETBV && !(cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE))
        return false;
    return row->control == 0 || lab_cell_can(row->word, row->control);
}

static void prepare(struct lab_cell *c, const struct floor_row *row)
{
    lab_cell_reset(c);
    c->frame.regs.r[R8] = row->r8;
    c->frame.regs.r[R9] = row->r9;
    if (row->set_up)
        row->set_up(c);
}

/* The stub goes on whatever the exit was: that it is the row's own is seen first. */
static bool exits_as_said(struct lab_cell *c, const struct floor_row *row)
{
    u32 reason;

    prepare(c, row);
    reason = lab_series_first_exit(c, row->code);
    if (reason != row->reason)
        log_warning("lab: %s: exit %s, not %s", row->name, exit_reason_name(reason),
                    exit_reason_name(row->reason));
    return reason == row->reason;
}

static void measure(struct lab *lab, const struct floor_row *row)
{
    const struct lab_row what = {row->name, "floor", row->what};

    if (!possible(row) || !exits_as_said(&lab->cell, row))
        return;
    prepare(&lab->cell, row);
    if (lab_series_guest(lab, row->code, lab_skip))
        lab_report_series(lab, &what);
    else
        log_warning("lab: %s: the series did not end", row->name);
}

static void measure_stamps(struct lab *lab)
{
    static const struct lab_row row = {"stamps", "floor",
                                       "nothing: LFENCE, RDTSC, MOV, LFENCE; LFENCE, RDTSC"};

    lab_cell_reset(&lab->cell);
    if (lab_series_guest(lab, lab_bench_stamps, lab_skip))
        lab_report_series(lab, &row);
}

/* Exits that come before the first instruction, seen from the host. */
static void measure_trips(struct lab *lab)
{
    static const struct lab_row timer = {
        "preemption-timer", "floor",
        "VMRESUME with the timer at 0, and the exit; no guest instruction"};
    static const struct lab_row window = {
        "interrupt-window", "floor",
        "VMRESUME with the window open, and the exit; no guest instruction"};

    if (lab_series_trip_ready(&lab->cell, EXIT_PREEMPTION_TIMER) &&
        lab_trip_plain(lab->sample, LAB_SERIES))
        lab_report_series(lab, &timer);
    if (lab_series_trip_ready(&lab->cell, EXIT_INTERRUPT_WINDOW) &&
        lab_trip_plain(lab->sample, LAB_SERIES))
        lab_report_series(lab, &window);
}

void lab_floor(struct lab *lab)
{
    measure_stamps(lab);
    for (u32 i = 0; i < ARRAY_LEN(rows); i++)
        measure(lab, &rows[i]);
    measure_trips(lab);
}
