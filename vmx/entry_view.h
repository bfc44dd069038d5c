/* What the next VM entry will find in the VMCS beside the guest's state: for recordings. */
#pragma once
#include "lib/types.h"

struct vmx_entry_view {
    u32 intr_info, intr_error, insn_len; /* of the event to inject */
    u32 timer;                           /* preemption timer */
    u32 cpu_controls;                    /* primary processor-based */
    u64 tsc_offset;
};

void vmx_entry_view(struct vmx_entry_view *view);
