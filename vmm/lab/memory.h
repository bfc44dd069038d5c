/* What an access to memory costs after all cached translations were dropped. */
#pragma once
#include "vmm/lab/context.h"

void lab_memory(struct lab *lab);
