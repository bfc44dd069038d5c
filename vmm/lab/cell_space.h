/* The memory half of a cell: frames, EPT, the guest's own tables. */
#pragma once
#include "vmm/lab/cell.h"

#define LAB_IDENTITY_BYTES (6 * PAGE_SIZE)

/* Page tables that map the first 4 GiB to themselves: LAB_IDENTITY_BYTES at `tables`, where the
 * processor sees them at physical address `base`. */
void lab_identity_map(u64 *tables, u64 base);
/* Two descriptors: code of 64 bits, data. */
void lab_flat_segments(u64 *descriptors);

bool lab_cell_space_create(struct lab_cell *c);
void lab_cell_space_reset(struct lab_cell *c);
void lab_cell_space_destroy(struct lab_cell *c);
