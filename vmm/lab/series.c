/* Series of samples in a cell; see series.h. */
#include "vmm/lab/series.h"
#include "arch/x86_64/cr.h"
#include "lib/mem.h"

static void set_registers(struct lab_cell *c, const u8 *code)
{
    u64 *r = c->frame.regs.r;

    lab_cell_at(c, code);
    r[RDI] = CELL_SAMPLES;
    r[RBP] = LAB_SERIES;
    r[R14] = VMCS_GUEST_RIP;
    r[R15] = 0;
}

u32 lab_series_first_exit(struct lab_cell *c, const u8 *code)
{
    set_registers(c, code);
    return lab_cell_run(c);
}

bool lab_series_guest(struct lab *lab, const u8 *code, void (*stub)(void))
{
    struct lab_cell *c = &lab->cell;

    set_registers(c, code);
    if (lab_cell_run_stub(c, stub) != EXIT_IO || c->frame.regs.r[R15] != 1 ||
        c->frame.regs.r[RDI] != CELL_SAMPLES + sizeof(lab->sample))
        return false;
    memcpy(lab->sample, lab_cell_word(c, CELL_SAMPLES), sizeof(lab->sample));
    return true;
}

bool lab_series_trip_ready(struct lab_cell *c, u32 reason)
{
    lab_cell_reset(c);
    lab_cell_at(c, lab_code_call);
    if (reason == EXIT_PREEMPTION_TIMER) {
        vmcs_w32(VMCS_PREEMPTION_TIMER, 0);
    } else {
        lab_cell_set(c, WORD_CPU, CPU_INTERRUPT_WINDOW_EXITING);
        gs_set(&c->vcpu.guest, GS_RFLAGS, RFLAGS_FIXED_1 | RFLAGS_IF);
    }
    return lab_cell_run(c) == reason && lab_cell_run(c) == reason; /* again: it stays so */
}
