/* What a processor keeps and VMX does not switch: saved and loaded when another vCPU gets a CPU. */
#pragma once
#include "lib/types.h"

struct vcpu_switched {
    u64 star, lstar, cstar, fmask, kernel_gs_base, tsc_aux;
    u64 cr2, dr[4], dr6;
    u64 xcr0;
    void *fpu; /* fpu_area_bytes() bytes, page-aligned */
};

/* After reset.  s->fpu is the caller's. */
void vcpu_switch_init(struct vcpu_switched *s);
void vcpu_switch_out(struct vcpu_switched *s);
void vcpu_switch_in(const struct vcpu_switched *s);
