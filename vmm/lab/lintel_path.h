/* What exits cost in Lintel itself. */
#pragma once
#include "vmm/lab/context.h"

/* Creates a guest of Lintel's, measures its exits and the measuring, and destroys it. */
void lab_lintel(struct lab *lab);
