/* What VMX can on this machine, and with which of its controls Lintel runs: read and agreed on by
 * the loader (boot/caps.h, boot/wishes.h), on the boot CPU. */
#pragma once
#include "lib/types.h"

#define VMX_MSR_FIRST 0x480u /* IA32_VMX_BASIC */
#define VMX_MSR_LAST  0x493u /* IA32_VMX_EXIT_CTLS2 */
#define VMX_TEXT_MAX  256u

/* The MSRs as read; one that the processor does not have reads as 0. */
struct vmx_caps {
    u64 feature_control;
    u64 msr[VMX_MSR_LAST - VMX_MSR_FIRST + 1]; /* use vmx_cap() */
};

/* Names of their bits: vmx/controls.h. */
enum vmx_word { WORD_PIN, WORD_CPU, WORD_CPU2, WORD_CPU3, WORD_VMEXIT, WORD_VMENTRY, VMX_WORDS };

struct vmx_facts {
    struct vmx_caps caps;
    struct {
        u64 value;               /* what a VMCS starts with */
        u64 must1, may1;         /* bits that cannot be 0, bits that can be 1 */
        char text[VMX_TEXT_MAX]; /* "cpu controls ok, without <names>" */
    } word[VMX_WORDS];
    /* Whether this processor can deliver interrupts to a guest by itself: then a VMCS with pages
     * for the APIC has what vmx_delivery_controls() makes of the negotiated controls. */
    u32 delivers_interrupts;
    u32 exits_on_pause_loops; /* whether a virtual CPU's loops of PAUSE can be made to exit */
};
