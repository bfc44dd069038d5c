/* Events that an exit interrupted.  SDM Vol. 3C, "Information for VM Exits That Occur During
 * Event Delivery". */
#pragma once
#include "vmm/vcpu.h"

/* If the exit came during the delivery of an event, that event is raised again. */
void event_redeliver(struct vcpu *v, const struct exit *x);
/* An IRET that exited had already ended NMI blocking: it will run again, so block again. */
void event_nmi_unblocked_by_iret(struct vcpu *v, const struct exit *x, bool unblocked);
