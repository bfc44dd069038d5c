/* The control partition's program in its memory, as abi/control.h promises it. */
#pragma once
#include "guest_plan.h"
#include "vmm/vm.h"

/* From the beginning of its memory; the program follows at CONTROL_IMAGE_AT. */
#define CONTROL_INFO_AT  0x0ull
#define CONTROL_SLOTS_AT 0x1000ull
#define CONTROL_IMAGE_AT 0x10000ull

/* Writes the first page tables into the new memory, and plans the rest: the program, and the
 * registers.  E_NOMEM: the memory is too small for the program. */
err_t control_image_plan(const struct vm *vm, struct guest_plan *plan);
