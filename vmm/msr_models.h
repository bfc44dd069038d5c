/* The CALL rows of the MSR table.  OK, or E_INVAL: #GP(0) in the guest. */
#pragma once
#include "lib/types.h"
#include "vmm/vcpu.h"

/* now: TSC of the host. */
err_t msr_model_read(struct vcpu *v, u32 msr, u64 *value, u64 now);
err_t msr_model_write(struct vcpu *v, u32 msr, u64 value, u64 now);
