/* The least that an exit of each kind can cost on this processor. */
#pragma once
#include "vmm/lab/context.h"

void lab_floor(struct lab *lab);
