/* See delivery.h.  SDM Vol. 3C, "APIC Virtualization and Virtual Interrupts".  Pure. */
#include "vmx/delivery.h"
#include "vmx/controls.h"

/* Beside the wishes, and all or nothing: EOIs and interrupts to oneself cost no exit, CR8 is the
 * virtual TPR, and no window is needed to bring an interrupt in.  Registers that are read seldom
 * stay with the software model: no APIC-register virtualization.  `mode`: on in one mode of the
 * guest's APIC only. */
static const struct {
    u64 on, off, mode[VMX_APIC_MODES];
} delivery[VMX_WORDS] = {
    [WORD_CPU] = {CPU_TPR_SHADOW, CPU_CR8_LOAD_EXITING | CPU_CR8_STORE_EXITING, {0}},
    [WORD_CPU2] = {CPU2_VIRTUAL_INTERRUPT_DELIVERY,
                   0,
                   {[VMX_APIC_IN_MEMORY] = CPU2_VIRTUALIZE_APIC_ACCESSES,
                    [VMX_APIC_IN_MSRS] = CPU2_VIRTUALIZE_X2APIC_MODE}},
};

static u64 toggled(enum vmx_word word)
{
    u64 bits = 0;

    for (u32 m = 0; m < VMX_APIC_MODES; m++)
        bits |= delivery[word].mode[m];
    return bits;
}

u64 vmx_delivery_controls(enum vmx_word word, u64 value, enum vmx_apic_mode mode)
{
    const u64 off = delivery[word].off | toggled(word);

    return (value & ~off) | delivery[word].on | delivery[word].mode[mode];
}
