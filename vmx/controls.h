/* The VMX controls by name: CPU_HLT_EXITING, VMENTRY_LOAD_EFER, ...  The words:
 * PIN (pin-based), CPU, CPU2, CPU3 (primary, secondary, tertiary processor-based), VMEXIT, VMENTRY.
 */
#pragma once
#include "lib/types.h"

enum vmx_word { WORD_PIN, WORD_CPU, WORD_CPU2, WORD_CPU3, WORD_VMEXIT, WORD_VMENTRY, VMX_WORDS };

enum vmx_control {
#define CONTROL(word, bit, name, words) word##_##name = BIT32(bit),
#include "vmx/controls.def"
};
