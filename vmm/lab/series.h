/* Series of samples in a cell. */
#pragma once
#include "vmm/lab/context.h"

/* The reason of the first exit of a series. */
u32 lab_series_first_exit(struct lab_cell *c, const u8 *code);
/* Runs a series of LAB_SERIES in the guest, exits going to the stub, and fetches the samples.
 * False: it did not end as it should. */
bool lab_series_guest(struct lab *lab, const u8 *code, void (*stub)(void));
/* Resets the cell and brings it to where each entry exits for this reason before the first
 * instruction: EXIT_PREEMPTION_TIMER or EXIT_INTERRUPT_WINDOW.  False: it does not. */
bool lab_series_trip_ready(struct lab_cell *c, u32 reason);
