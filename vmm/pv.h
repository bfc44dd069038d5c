/* KVM's paravirtual interface (abi/kvm.h): the MSRs, and what Lintel writes into the structures
 * that a guest registers with them.  An address is the guest's word: it is looked up anew for each
 * write, and a structure that is no longer RAM is given up.
 * Linux, Documentation/virt/kvm/x86/msr.rst. */
#pragma once
#include "lib/types.h"
#include "vmm/vcpu.h"

/* E_INVAL, E_RANGE: #GP(0) in the guest. */
err_t pv_msr_read(const struct vcpu *v, u32 msr, u64 *value);
err_t pv_msr_write(struct vcpu *v, u32 msr, u64 value);

/* The guest's TSC was moved; call only while the system time is kept. */
NOINLINE void pv_tsc_moved(struct vcpu *v);

/* ---- for the scheduler, on the CPU that has the vCPU */
/* The vCPU gets a CPU, for which it has waited so many TSC ticks though it could run. */
void pv_steal_update(struct vcpu *v, u64 waited_ticks);
/* It loses its CPU (true), or has one again. */
void pv_set_preempted(struct vcpu *v, bool preempted);

/* ---- EOIs without an exit, where the processor does not virtualize them */
/* An interrupt goes in: if its end is nobody else's matter, the guest may tell it in memory, and
 * v->pv.eoi_vector is the interrupt's. */
NOINLINE void pv_eoi_share(struct vcpu *v);
/* Ends that, by an EOI if the guest has told it; call while v->pv.eoi_vector, before the guest
 * looks at its local APIC, or a request is judged by what is in service. */
NOINLINE void pv_eoi_take(struct vcpu *v);
