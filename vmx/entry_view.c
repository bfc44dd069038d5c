/* See entry_view.h.  SDM Vol. 3C, "VM-Entry Controls for Event Injection". */
#include "vmx/entry_view.h"
#include "vmx/vmcs.h"

void vmx_entry_view(struct vmx_entry_view *view)
{
    *view = (struct vmx_entry_view){
        .intr_info = vmcs_r32(VMCS_ENTRY_INTR_INFO),
        .intr_error = vmcs_r32(VMCS_ENTRY_INTR_ERROR),
        .insn_len = vmcs_r32(VMCS_ENTRY_INSN_LEN),
        .timer = vmcs_r32(VMCS_PREEMPTION_TIMER),
        .cpu_controls = vmcs_r32(VMCS_CPU_CONTROLS),
        .tsc_offset = vmcs_r64(VMCS_TSC_OFFSET),
    };
}
