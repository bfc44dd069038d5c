/* Until when a virtual CPU may be left to itself. */
#pragma once
#include "vmm/console.h"
#include "vmm/vm.h"

/* TSC at which its devices, its console or its CPU want to be looked at, if nothing happens before;
 * v->outside is what of it is not the local APIC's. */
static inline u64 vcpu_next_look(struct vcpu *v)
{
    v->outside = MIN(v->turn_ends, v->cpu == 0 ? console_deadline(v->pinned) : ~0ull);
    if (v->id == 0)
        v->outside = MIN(v->outside, v->vm->board.deadline);
    return MIN(v->outside, v->lapic.deadline);
}
