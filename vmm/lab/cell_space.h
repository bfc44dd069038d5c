/* The memory half of a cell: frames, EPT, the guest's own tables. */
#pragma once
#include "vmm/lab/cell.h"

bool lab_cell_space_create(struct lab_cell *c);
void lab_cell_space_reset(struct lab_cell *c);
void lab_cell_space_destroy(struct lab_cell *c);
