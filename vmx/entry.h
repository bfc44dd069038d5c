/* The two ends of entry.asm. */
#pragma once
#include "vmx/gregs.h"
#include "vmx/vmx.h"

/* Runs the guest of the current VMCS until it exits.  HOST_RSP must hold `g`; IF must be 0. */
enum vmx_result vmx_enter(struct gregs *g, bool launched);
/* HOST_RIP; never called. */
void vmx_exit(void);
