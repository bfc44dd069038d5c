/* The half of guest_state.h that only vmx/ needs. */
#pragma once
#include "vmx/guest_state.h"

/* Writes every dirty field into the current VMCS; the cache is clean afterwards. */
void guest_state_write(struct guest_state *g);
