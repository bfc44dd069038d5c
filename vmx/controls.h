/* The VMX controls by name: CPU_HLT_EXITING, VMENTRY_LOAD_EFER, ...  The words:
 * PIN (pin-based), CPU, CPU2, CPU3 (primary, secondary, tertiary processor-based), VMEXIT, VMENTRY.
 */
#pragma once
#include "lib/types.h"
#include "vmx_facts.h"

enum vmx_control {
#define CONTROL(word, bit, name, words) word##_##name = BIT32(bit),
#include "vmx/controls.def"
};
