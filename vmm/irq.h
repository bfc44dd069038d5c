/* Which event goes into the guest with the next VM entry, and what two events become
 * when the second is raised while the first is delivered.  Pure.
 * SDM Vol. 3A, "Priority Among Concurrent Events", "Interrupt 8 - Double Fault Exception
 * (#DF)"; Vol. 3C, "Event Injection", "Information for VM Exits That Occur During Event
 * Delivery". */
#pragma once
#include "lib/types.h"

/* The format of the VM-entry interruption-information field; error codes travel beside it. */
enum irq_info {
    IRQ_VECTOR = 0xff,
    IRQ_TYPE = 7 << 8,
    IRQ_TYPE_EXTERNAL = 0 << 8,
    IRQ_TYPE_NMI = 2 << 8,
    IRQ_TYPE_EXCEPTION = 3 << 8, /* hardware exception */
    IRQ_ERROR_CODE = 1 << 11,    /* deliver an error code */
};
#define IRQ_VALID        BIT32(31)
#define IRQ_NMI          (IRQ_VALID | IRQ_TYPE_NMI | 2)
#define IRQ_DOUBLE_FAULT (IRQ_VALID | IRQ_ERROR_CODE | IRQ_TYPE_EXCEPTION | 8) /* its code is 0 */
#define IRQ_TRIPLE_FAULT 0xffffffffu /* no event: shutdown */

/* Everything that decides, as plain values. */
struct irq_view {
    u32 redeliver;         /* IDT-vectoring information of the last exit, or 0 */
    u32 exception;         /* raised by a handler since, or 0 */
    bool nmi, nmi_blocked; /* pending; blocking by NMI */
    bool irq;              /* the interrupt controller asks */
    bool iflag;            /* RFLAGS.IF */
    bool sti_blocking, movss_blocking;
};

struct irq_plan {
    u32 inject;   /* for the entry-information field; 0: nothing; or IRQ_TRIPLE_FAULT */
    bool ack_irq; /* inject is 0: acknowledge the controller, inject IRQ_VALID | its vector */
    bool irq_window, nmi_window; /* exits to ask for */
};

/* The error code to go with `inject` is 0 for #DF, else that of the event it was taken from: the
 * exception if there is one, else the redelivered event.  After an acknowledge the caller asks the
 * controller again, and for a window if it still wants something.  Redelivery of an NMI wants
 * blocking by NMI cleared first. */
struct irq_plan irq_plan(const struct irq_view *view);

/* What to deliver when `second` is raised while `first` is being delivered: second, #DF, or
 * IRQ_TRIPLE_FAULT.  Events without IRQ_VALID do not count. */
u32 irq_merge(u32 first, u32 second);
