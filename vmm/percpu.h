/* vmm/'s private data of one CPU, behind this_cpu()->vmm. */
#pragma once
#include "arch/x86_64/percpu.h"
#include "vmm/trace.h"

struct vcpu;

struct vmm_cpu {
    struct vcpu *current; /* the vCPU whose VMCS is current, or NULL */
    u64 guest_changes;    /* another guest's turn on this CPU, or the same one's anew */
    u64 ibpbs;            /* of these, with an indirect branch predictor barrier */
    struct trace_ring trace;
};

static inline struct vmm_cpu *this_vmm_cpu(void)
{
    return this_cpu()->vmm;
}
