/* Accesses to the local APIC's registers that nothing else follows from, where software does for
 * the guest what virtual-interrupt delivery would: they leave out all looks at what cannot have
 * changed. false: nothing was done, and the way of all accesses is to be gone. */
#pragma once
#include "vmm/dev/lapic_registers.h"
#include "vmm/vcpu.h"
#include "vmm/wake.h"

/* EOI.  now: TSC, not before the exit. */
static inline bool lapic_quick_eoi(struct vcpu *v, u64 now)
{
    return !v->apic_page && !v->pv.eoi_vector && lapic_end_alone(&v->lapic, now);
}

/* EOI by a store of `len` bytes at guest-physical address `gpa`. */
static inline bool lapic_quick_store(struct vcpu *v, gpa_t gpa, u32 len, u64 now)
{
    return gpa.v == LAPIC_BASE + REG_EOI && len == sizeof(u32) &&
           lapic_mode(&v->lapic) == LAPIC_XAPIC && lapic_quick_eoi(v, now);
}

/* SELF IPI with that value, which the vCPU sees before its next instruction. */
static inline bool lapic_quick_self_ipi(struct vcpu *v, u64 value, u64 now)
{
    if (v->apic_page || now >= v->lapic.deadline || value > 0xff)
        return false;
    lapic_self_ipi(&v->lapic, (u8)value);
    vcpu_todo(v, TODO_EVENT);
    return true;
}
