/* The console's turn: characters move between the machine's ports and screen and the guests in
 * front of them.  The boot CPU's business, from console_due() on. */
#pragma once
#include "vmm/vcpu.h"

/* self: the vCPU whose turn it is, or NULL.  True: it has to look at its guest's serial port;
 * other guests are told (TODO_CONSOLE) if they have a reason. */
bool console_turn(const struct vcpu *self, u64 now);
