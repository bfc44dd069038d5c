/* The x87/SSE/AVX/... state, which belongs to the guest all the time: the hypervisor is compiled
 * without vector registers and only gives a new guest a clean set.
 * SDM Vol. 1, "Managing State Using the XSAVE Feature Set". */
#pragma once
#include "lib/types.h"

/* Lets this CPU execute FPU, SSE and XSAVE instructions: CR0, CR4. */
void fpu_init(void);
/* XCR0 bits that this CPU has; 0: no XSAVE. */
u64 fpu_supported_xcr0(void);
/* Every state component in its initial configuration; XCR0 = xcr0, a subset of the above. */
void fpu_init_guest(u64 xcr0);
