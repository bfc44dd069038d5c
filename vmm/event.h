/* Events that an exit interrupted.  SDM Vol. 3C, "Information for VM Exits That Occur During
 * Event Delivery". */
#pragma once
#include "vmm/vcpu.h"

/* If the exit came during the delivery of an event, that event is raised again. */
void event_redeliver(struct vcpu *v, const struct exit *x);
/* An IRET that exited had already ended NMI blocking: it will run again, so block again. */
void event_nmi_unblocked_by_iret(struct vcpu *v, const struct exit *x, bool unblocked);
/* Where delivering an event raises another one, no instruction of the guest runs between two exits,
 * and the preemption timer, which counts the guest's time, may never end: such a guest must not
 * keep the CPU (CVE-2015-5307, CVE-2015-8104). */
void event_look_at_the_clock(struct vcpu *v, const struct exit *x);
