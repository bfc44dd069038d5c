/* The x87/SSE/AVX/... state, which belongs to the guest all the time: the hypervisor is compiled
 * without vector registers and only saves and restores them.
 * SDM Vol. 1, "Managing State Using the XSAVE Feature Set". */
#pragma once
#include "lib/types.h"

/* Lets this CPU execute FPU, SSE and XSAVE instructions: CR0, CR4. */
void fpu_init(void);
/* XCR0 bits that this CPU has; 0: no XSAVE. */
u64 fpu_supported_xcr0(void);
/* A place for all that there is: 64-byte aligned, fpu_area_bytes() bytes. */
size_t fpu_area_bytes(void);
void fpu_area_init(void *area); /* every component in its initial configuration */
/* Saves all components, and returns XCR0; XCR0 is left with all of them. */
u64 fpu_save(void *area);
void fpu_restore(const void *area, u64 xcr0);
