/* Puts a guest's image into its memory and its first vCPU at the entry point. */
#pragma once
#include "vmm/vm.h"

/* The reason for a refusal is logged. */
err_t vm_image_load(struct vm *vm);
