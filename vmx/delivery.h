/* Controls of a processor that delivers a guest's interrupts itself.  Pure. */
#pragma once
#include "vmx_facts.h"

/* Where a guest's local APIC is: nowhere, in memory (xAPIC mode), in MSRs (x2APIC mode). */
enum vmx_apic_mode { VMX_APIC_OFF, VMX_APIC_IN_MEMORY, VMX_APIC_IN_MSRS, VMX_APIC_MODES };

/* A word's negotiated controls, or what this has made of them, for that mode.  Only where
 * vmx_facts()->delivers_interrupts. */
u64 vmx_delivery_controls(enum vmx_word word, u64 value, enum vmx_apic_mode mode);
