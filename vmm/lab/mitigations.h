/* What each mitigation that this processor can carry out adds to the way in and out. */
#pragma once
#include "vmm/lab/context.h"

void lab_mitigations(struct lab *lab);
