/* The environment of the drivers (drivers/io/env.h) on the bare machine, for tests: memory for DMA
 * as the launcher gave it, lines by the 8259s, messages by the local APIC, the TSC as clock.
 * Interrupts are off but in env_turn(). */
#pragma once
#include "drivers/io/env.h"

extern struct io_env env;

/* At the start of each test: vectors and lines are the run-time's between tests. */
void env_begin(void);
/* Lets interrupts in, and calls the handlers of those that came. */
void env_turn(void);
/* env_turn(), and `poll` if it is not NULL, until *done is at least `want`; false: not within `ms`.
 */
bool env_wait(const volatile u64 *done, u64 want, u32 ms, void (*poll)(void *), void *arg);
/* Bytes of DMA memory that are allocated. */
u64 env_dma_used(void);
