/* What Lintel's measuring of every exit costs itself. */
#pragma once
#include "vmm/lab/context.h"

struct vm;

/* The vm does not run. */
void lab_measuring(struct lab *lab, struct vm *vm);
