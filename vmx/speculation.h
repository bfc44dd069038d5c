/* The plan of vmx/mitigation.h, made and carried out on this CPU.  What belongs to the way into and
 * out of a guest is in entry.asm; which of its variants a virtual CPU uses is set at its setup. */
#pragma once
#include "processor_model.h"
#include "vmx/mitigation.h"

/* This CPU: makes its plan (with nothing in it if `on` is false), sets IA32_SPEC_CTRL; logs
 * it unless it is the boot CPU's.  `boot`: the boot CPU's model. */
void vmx_mitigation_start(const struct processor_model *boot, bool on);
/* Leaves IA32_SPEC_CTRL as it was before the start. */
void vmx_mitigation_stop(void);
/* This CPU's. */
const struct mitigation_plan *vmx_mitigation_plan(void);
/* Before another guest, or the same one anew, runs on this CPU: the branch predictors forget what
 * the one before has taught them.  True if the barrier was executed. */
bool vmx_mitigation_guest_change(void);
