/* The x87/SSE/AVX/... state, which belongs to the guest all the time: the hypervisor is compiled
 * without vector registers, and saves and loads all of it when
 * another guest gets the CPU -- always, and all: a state that is left in place for laziness can be
 * read by a speculating guest (Lazy FP State Restore).  CR0.TS is clear in the host. SDM Vol. 1,
 * "Managing State Using the XSAVE Feature Set". */
#pragma once
#include "lib/types.h"

/* Lets this CPU execute FPU, SSE and XSAVE instructions: CR0, CR4, and XCR0 with all that it has.
 */
void fpu_init(void);
/* XCR0 bits that this CPU has; 0: no XSAVE. */
u64 fpu_supported_xcr0(void);

/* Bytes of an area for the whole state of a guest, in the standard format; it is aligned to
 * FPU_AREA_ALIGN. */
#define FPU_AREA_ALIGN 64u
size_t fpu_area_bytes(void);
/* Every state component in its initial configuration. */
void fpu_area_init(void *area);
/* This CPU's state to an area, and back.  fpu_save() leaves XCR0 with all that this CPU has, and
 * fpu_restore() has to find it so; the caller sets the next guest's after that.  What fpu_restore()
 * loaded is to be saved to the same area, which nothing has changed meanwhile: XSAVEOPT leaves out
 * what it believes to be there. */
void fpu_save(void *area);
void fpu_restore(const void *area);
