/* What the parts of the way between exit and entry cost, one at a time. */
#pragma once
#include "vmm/lab/context.h"

void lab_parts(struct lab *lab);
