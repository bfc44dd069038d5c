/* Event injection decided: priorities, blocking, windows, double faults.  Pure. */
#include "vmm/irq.h"

enum { DF = 8 };

/* SDM Vol. 3A, table "Interrupt and Exception Classes" */
enum fault_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT, CLASSES };

static const u8 class_of_vector[32] = {
    [0] = CONTRIBUTORY,  /* #DE */
    [DF] = DOUBLE_FAULT, /* #DF */
    [10] = CONTRIBUTORY, /* #TS */
    [11] = CONTRIBUTORY, /* #NP */
    [12] = CONTRIBUTORY, /* #SS */
    [13] = CONTRIBUTORY, /* #GP */
    [14] = PAGE_FAULT,   /* #PF */
    [20] = PAGE_FAULT,   /* #VE */
    [21] = CONTRIBUTORY, /* #CP */
};

/* SDM Vol. 3A, table "Conditions for Generating a Double Fault" */
enum outcome { SERIAL, TO_DF, TO_SHUTDOWN };

// clang-format off
static const u8 outcome_of[CLASSES][CLASSES] = {
    /* first \ second    BENIGN   CONTRIBUTORY  PAGE_FAULT    DOUBLE_FAULT */
    [BENIGN]         = { SERIAL,  SERIAL,       SERIAL,       SERIAL      },
    [CONTRIBUTORY]   = { SERIAL,  TO_DF,        SERIAL,       SERIAL      },
    [PAGE_FAULT]     = { SERIAL,  TO_DF,        TO_DF,        SERIAL      },
    [DOUBLE_FAULT]   = { SERIAL,  TO_SHUTDOWN,  TO_SHUTDOWN,  TO_SHUTDOWN },
};
// clang-format on

/* INT n, interrupts and NMI are benign whatever their vector. */
static enum fault_class class_of(u32 event)
{
    const u32 vector = event & IRQ_VECTOR;

    if ((event & IRQ_TYPE) != IRQ_TYPE_EXCEPTION || vector >= ARRAY_LEN(class_of_vector))
        return BENIGN;
    return (enum fault_class)class_of_vector[vector];
}

u32 irq_merge(u32 first, u32 second)
{
    if (first == IRQ_TRIPLE_FAULT || second == IRQ_TRIPLE_FAULT)
        return IRQ_TRIPLE_FAULT;
    if (!(first & IRQ_VALID))
        return second & IRQ_VALID ? second : 0;
    if (!(second & IRQ_VALID))
        return first;
    switch ((enum outcome)outcome_of[class_of(first)][class_of(second)]) {
    case SERIAL: return second;
    case TO_DF: return IRQ_DOUBLE_FAULT;
    case TO_SHUTDOWN: return IRQ_TRIPLE_FAULT;
    }
    return IRQ_TRIPLE_FAULT;
}

/* IDT-vectoring information leaves bits undefined that VM entry wants to be 0. */
static u32 entry_info(u32 event)
{
    return event & (IRQ_VALID | IRQ_ERROR_CODE | IRQ_TYPE | IRQ_VECTOR);
}

static u32 already_begun(const struct irq_view *v)
{
    const u32 event = irq_merge(v->redeliver, v->exception);

    return event == IRQ_TRIPLE_FAULT ? event : entry_info(event);
}

struct irq_plan irq_plan(const struct irq_view *v)
{
    const bool shadow = v->sti_blocking || v->movss_blocking;
    struct irq_plan plan = {.inject = already_begun(v)};

    if (plan.inject == IRQ_TRIPLE_FAULT)
        return plan;
    bool nmi_waits = v->nmi;
    if (!plan.inject && v->nmi && !v->nmi_blocked && !shadow) {
        plan.inject = IRQ_NMI;
        nmi_waits = false;
    }
    plan.ack_irq = !plan.inject && v->irq && v->iflag && !shadow;

    /* An NMI window may open inside an STI shadow, where a processor may still refuse an NMI: the
     * interrupt window opens right after the shadow, since STI has set IF. */
    const bool nmi_waits_for_sti = nmi_waits && v->sti_blocking && v->iflag && !v->nmi_blocked;
    plan.nmi_window = nmi_waits && !nmi_waits_for_sti;
    plan.irq_window = (v->irq && !plan.ack_irq) || nmi_waits_for_sti;
    return plan;
}
