/* A local APIC's MSRs: IA32_APIC_BASE, and in x2APIC mode all of its registers.  Pure. */
#pragma once
#include "vmm/dev/lapic.h"

#define LAPIC_MSR_FIRST 0x800u
#define LAPIC_MSR_LAST  0x83fu

/* OK, or E_INVAL (#GP, nothing changed): a transition that is not in SDM Vol. 3A, "x2APIC State
 * Transitions", another place, another BSP bit, or reserved bits.  Switched off, the local APIC
 * loses its state; on again, it is as after power-up. */
err_t lapic_write_base(struct lapic *l, u64 value, u64 now);

/* msr: any.  OK, or E_INVAL (#GP, nothing changed): not in x2APIC mode, or as SDM Vol. 3A, "Local
 * APIC Register Address Map Supported by x2APIC" says: reserved, read-only, write-only, reserved
 * bits set. */
err_t lapic_msr_read(struct lapic *l, u32 msr, u64 *value, u64 now);
err_t lapic_msr_write(struct lapic *l, u32 msr, u64 value, u64 now);

/* Of these, the check alone.  E_INVAL, or OK: *offset is the register's in xAPIC mode. */
err_t lapic_msr_check_read(const struct lapic *l, u32 msr, u32 *offset);
err_t lapic_msr_check_write(const struct lapic *l, u32 msr, u64 value, u32 *offset);
