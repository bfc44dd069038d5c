/* What a processor's local APIC tells the processor: NMI, INIT and STARTUP, and what it has to
 * send. */
#pragma once
#include "vmm/vcpu.h"

/* Does what is in v->lapic.attention.  Its own CPU's, while it has the turn. */
void vcpu_attend(struct vcpu *v);
