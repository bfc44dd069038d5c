/* See vcpu_init.h.  SDM Vol. 3A, "Multiple-Processor (MP) Initialization", "Processor State After
 * Reset" (the columns for INIT). */
#include "vmm/vcpu_init.h"
#include "arch/x86_64/cr.h"
#include "vmm/dev/lapic_page.h"
#include "vmm/vcpu_irq.h"
#include "vmm/vm_end.h"

/* The bootstrap processor would begin at the firmware, which is not there: the whole guest starts
 * again. */
static void take_init(struct vcpu *v)
{
    if (v->id == 0) {
        vm_end(v->vm, VM_END_REBOOT, 0);
        return;
    }
    vcpu_init(v);
    v->waits_for_sipi = v->asleep = true;
}

static void take_startup(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;
    const u64 vector = v->lapic.sipi_vector;

    if (!v->waits_for_sipi)
        return;
    gs_set(g, GS_CS_SEL, vector << 8);
    gs_set(g, GS_CS_BASE, vector << 12);
    gs_set(g, GS_RIP, 0);
    v->waits_for_sipi = v->asleep = false;
    trace(v->trace, TRACE_STARTUP, v->trace_id, (u32)vector, 0, 0);
}

void vcpu_attend(struct vcpu *v)
{
    struct lapic *l = &v->lapic;

    vcpu_send_ipi(v); /* which may be for itself, too */
    if (l->init) {    /* before a STARTUP that came after it; it takes an NMI with it */
        l->init = l->nmi = false;
        take_init(v);
    }
    if (l->sipi) {
        l->sipi = false;
        take_startup(v);
    }
    if (l->nmi) {
        l->nmi = false;
        v->nmi_pending |= !v->waits_for_sipi;
    }
}
