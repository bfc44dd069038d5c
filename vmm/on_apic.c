/* Exits of a virtualized local APIC: what the processor could not do alone.
 * SDM Vol. 3C, "APIC Virtualization and Virtual Interrupts". */
#include "vmm/dev/lapic_msr.h"
#include "vmm/handlers.h"
#include "vmm/vcpu_irq.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

#define QUAL_OFFSET 0xfffu
#define QUAL_VECTOR 0xffu

/* The end of a level-triggered interrupt: the I/O APIC wants to know.  The processor has done the
 * rest, and the instruction. */
enum verdict on_virtualized_eoi(struct vcpu *v, const struct exit *x)
{
    board_lock(v);
    board_eoi(&v->vm->board, x->qual & QUAL_VECTOR);
    board_unlock(v);
    vcpu_todo(v, TODO_BOARD);
    return RESUME;
}

/* A write that is in the virtual-APIC page already: an IPI that is none to oneself. */
enum verdict on_apic_write(struct vcpu *v, const struct exit *x)
{
    const u32 offset = x->qual & QUAL_OFFSET & ~3u;

    if (!v->apic_page) /* the exit needs the page */
        return KILL;
    if (lapic_mode(&v->lapic) == LAPIC_X2APIC) /* SELF IPI with an illegal vector */
        return vcpu_lapic_msr_write(v, LAPIC_MSR_FIRST + (offset >> 4), v->apic_page[offset / 4],
                                    x->tsc) == OK
                   ? RESUME
                   : KILL;
    vcpu_lapic_write(v, offset, v->apic_page[offset / 4], x->tsc);
    return RESUME;
}
