/* The console's turn: characters move between the host's port and screen and the guest that has
 * them. The boot CPU's business, from console_due() on. */
#pragma once
#include "vmm/vcpu.h"

/* self: the vCPU whose turn it is, or NULL.  True: it has to look at its serial port; another one
 * is told (TODO_CONSOLE) if it has a reason. */
bool console_turn(const struct vcpu *self, u64 now);
