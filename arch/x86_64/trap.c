/* Host exceptions, NMIs and interrupts.  An exception is our own fault and ends in a panic; an
 * NMI is counted and given to its handler; a device vector gets its EOI first, so that a handler
 * may wait for the next one.  SDM Vol. 3A, "Interrupt and Exception Handling". */
#include "arch/x86_64/trap.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/percpu.h"

#define VECTORS       256u
#define VECTOR_DEVICE 32u

void trap_entry(const struct trap_frame *frame);

static void (*handlers[VECTORS])(void);

static const char *const names[VECTOR_DEVICE] = {
    [VEC_DE] = "#DE divide error",
    [VEC_DB] = "#DB debug exception",
    [VEC_BP] = "#BP breakpoint",
    [VEC_OF] = "#OF overflow",
    [VEC_BR] = "#BR bound range exceeded",
    [VEC_UD] = "#UD invalid opcode",
    [VEC_NM] = "#NM device not available",
    [VEC_DF] = "#DF double fault",
    [VEC_TS] = "#TS invalid TSS",
    [VEC_NP] = "#NP segment not present",
    [VEC_SS] = "#SS stack fault",
    [VEC_GP] = "#GP general protection",
    [VEC_PF] = "#PF page fault",
    [VEC_MF] = "#MF x87 floating-point error",
    [VEC_AC] = "#AC alignment check",
    [VEC_MC] = "#MC machine check",
    [VEC_XM] = "#XM SIMD floating-point exception",
    [VEC_VE] = "#VE virtualization exception",
    [VEC_CP] = "#CP control protection exception",
};

void trap_set_handler(u8 vector, void (*handler)(void))
{
    assert(vector == VEC_NMI || vector >= VECTOR_DEVICE);
    handlers[vector] = handler;
}

void trap_dispatch(u8 vector)
{
    struct cpu *const c = this_cpu();

    assert(vector == VEC_NMI || vector >= VECTOR_DEVICE);
    if (vector == VEC_NMI) {
        c->nmi_count++;
        panic_stop_here();
    } else {
        c->irq_count++;
        if (vector != APIC_VECTOR_SPURIOUS) /* has no bit in the ISR to end */
            apic_eoi();
    }
    if (handlers[vector] != NULL)
        handlers[vector]();
}

static NORETURN void exception(const struct trap_frame *f)
{
    const char *const name = names[f->vector] != NULL ? names[f->vector] : "reserved exception";

    if (f->vector == VEC_PF)
        panic_at(f, "%s: %s at 0x%016lx, error 0x%lx (%s)", name,
                 f->error & PF_I   ? "fetch"
                 : f->error & PF_W ? "write"
                                   : "read",
                 read_cr2(), f->error, f->error & PF_P ? "protection" : "not present");
    panic_at(f, "%s, error 0x%lx", name, f->error);
}

void trap_entry(const struct trap_frame *frame)
{
    if (frame->vector < VECTOR_DEVICE && frame->vector != VEC_NMI)
        exception(frame);
    trap_dispatch((u8)frame->vector);
}
