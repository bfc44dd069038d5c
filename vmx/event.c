/* Events into the guest, and exits when one could go in.  SDM Vol. 3C, "VM-Entry Controls for Event
 * Injection", "Event Injection", "Interrupt-Window Exiting", "VMX-Preemption Timer". */
#include "vmx/controls.h"
#include "vmx/qual.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"

void vmx_inject(struct vmx_vcpu *v, u32 info, u32 error, u32 insn_len)
{
    const u32 type = intr_info_type(info);

    (void)v;
    if (info & INTR_INFO_ERROR_CODE)
        vmcs_w32(VMCS_ENTRY_INTR_ERROR, error);
    if (type == INTR_SOFTWARE_INTERRUPT || type == INTR_PRIVILEGED_EXCEPTION ||
        type == INTR_SOFTWARE_EXCEPTION)
        vmcs_w32(VMCS_ENTRY_INSN_LEN, insn_len);
    vmcs_w32(VMCS_ENTRY_INTR_INFO, info);
}

void vmx_inject_interrupt(struct vmx_vcpu *v, u8 vector)
{
    (void)v;
    vmcs_w32(VMCS_ENTRY_INTR_INFO, INTR_INFO_VALID | vector);
}

static void set_cpu_control(struct vmx_vcpu *v, u32 bit, bool on)
{
    const u32 cpu = on ? v->cpu | bit : v->cpu & ~bit;

    if (cpu == v->cpu)
        return;
    v->cpu = cpu;
    vmcs_w32(VMCS_CPU_CONTROLS, cpu);
}

void vmx_set_irq_window(struct vmx_vcpu *v, bool on)
{
    set_cpu_control(v, CPU_INTERRUPT_WINDOW_EXITING, on);
}

void vmx_set_nmi_window(struct vmx_vcpu *v, bool on)
{
    set_cpu_control(v, CPU_NMI_WINDOW_EXITING, on);
}

void vmx_close_windows(struct vmx_vcpu *v)
{
    set_cpu_control(v, CPU_INTERRUPT_WINDOW_EXITING | CPU_NMI_WINDOW_EXITING, false);
}

/* The timer is never switched off: unused it holds the largest value, and the exit that this causes
 * every few seconds costs less than writing the pin-based controls around each use.  Rounded up, so
 * that only 0 ticks end an entry before its first instruction. */
void vmx_set_timer(struct vmx_vcpu *v, u64 ticks)
{
    const u64 most = v->timer_most;

    vmwrite_proven(VMCS_PREEMPTION_TIMER, (MIN(ticks, most) + v->timer_round) >> v->timer_shift);
}

void vmx_set_tsc_offset(struct vmx_vcpu *v, u64 offset)
{
    (void)v;
    vmcs_w64(VMCS_TSC_OFFSET, offset);
}

u16 vmx_interrupt_status(const struct vmx_vcpu *v)
{
    (void)v;
    return vmcs_r16(VMCS_GUEST_INTERRUPT_STATUS);
}

void vmx_set_interrupt_status(struct vmx_vcpu *v, u16 status)
{
    (void)v;
    vmcs_w16(VMCS_GUEST_INTERRUPT_STATUS, status);
}

void vmx_request_interrupt(struct vmx_vcpu *v, u8 vector)
{
    const u16 status = vmcs_r16(VMCS_GUEST_INTERRUPT_STATUS);

    if (vector > (u8)status)
        vmx_set_interrupt_status(v, (u16)((status & 0xff00) | vector));
}

void vmx_set_eoi_exits(struct vmx_vcpu *v, const u64 vectors[4])
{
    (void)v;
    vmcs_w64(VMCS_EOI_EXIT_BITMAP_0, vectors[0]);
    vmcs_w64(VMCS_EOI_EXIT_BITMAP_1, vectors[1]);
    vmcs_w64(VMCS_EOI_EXIT_BITMAP_2, vectors[2]);
    vmcs_w64(VMCS_EOI_EXIT_BITMAP_3, vectors[3]);
}

void vmx_set_apic_mode(struct vmx_vcpu *v, enum vmx_apic_mode mode)
{
    const hpa_t bitmap = mode == VMX_APIC_IN_MSRS ? v->x2apic_msr_bitmap : v->msr_bitmap;

    vmcs_w32(VMCS_CPU2_CONTROLS, (u32)vmx_delivery_controls(WORD_CPU2, v->cpu2, mode));
    vmcs_w64(VMCS_MSR_BITMAP, bitmap.v);
}
