/* Which VMX controls Lintel uses.  Pure. */
#pragma once
#include "lib/types.h"
#include "vmx/caps.h"
#include "vmx/ctl.h"

/* The negotiated controls: what a VMCS starts with. */
struct vmx_controls {
    struct ctl word[VMX_WORDS];
};

/* True if the word was negotiated with all of these bits set. */
static inline bool vmx_has_control(const struct vmx_controls *c, enum vmx_word word, u64 bits)
{
    return (c->word[word].value & bits) == bits;
}

/* OK, or E_NOTSUP if this processor lacks something (out->word[].lacking, .forced). *out is always
 * filled. */
err_t vmx_resolve_controls(const struct vmx_caps *caps, struct vmx_controls *out);

/* Where a guest's local APIC is: nowhere, in memory (xAPIC mode), in MSRs (x2APIC mode). */
enum vmx_apic_mode { VMX_APIC_OFF, VMX_APIC_IN_MEMORY, VMX_APIC_IN_MSRS, VMX_APIC_MODES };

/* Whether a virtual CPU's loops of PAUSE can be made to exit. */
bool vmx_exits_on_pause_loops(const struct vmx_caps *caps);
/* Whether this processor can deliver interrupts to a guest by itself: then a VMCS with pages for
 * the APIC has what vmx_delivery_controls() makes of the negotiated controls. */
bool vmx_delivers_interrupts(const struct vmx_caps *caps);
u64 vmx_delivery_controls(enum vmx_word word, u64 value, enum vmx_apic_mode mode);

const char *vmx_word_name(enum vmx_word word);
/* In the SDM's words; NULL if the bit has no name. */
const char *vmx_control_name(enum vmx_word word, u32 bit);
/* "HLT exiting, bit 4" for the set bits; returns whether all of it fitted. Always terminated (size
 * > 0). */
bool vmx_control_names(enum vmx_word word, u64 bits, char *buf, size_t size);

/* One line of text per word: "cpu controls ok, without <names>" or "cpu controls not ok, needs
 * <names>, cannot clear <names>". */
void vmx_report_controls(const struct vmx_controls *controls,
                         void (*line)(void *ctx, bool ok, const char *text), void *ctx);
