/* Puts a guest's image into its memory and its first vCPU at the entry point. */
#pragma once
#include "guest_plan.h"
#include "vmm/vm.h"

/* As the loader has planned it.  The reason for a refusal is logged. */
err_t vm_image_load(struct vm *vm);
/* A plan of Lintel's own instead, which is not judged, until NULL is lent. */
void vm_image_lend(const struct guest_plan *plan);
