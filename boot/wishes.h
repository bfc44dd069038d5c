/* Which VMX controls Lintel uses.  Pure. */
#pragma once
#include "boot/caps.h"
#include "lib/types.h"

/* The negotiated controls: what a VMCS starts with. */
struct vmx_controls {
    struct ctl word[VMX_WORDS];
};

/* OK, or E_NOTSUP if this processor lacks something (out->word[].lacking, .forced). *out is always
 * filled. */
err_t vmx_resolve_controls(const struct vmx_caps *caps, struct vmx_controls *out);

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

/* For hv.elf, of what has been resolved. */
void vmx_facts_make(struct vmx_facts *facts, const struct vmx_caps *caps,
                    const struct vmx_controls *controls);
