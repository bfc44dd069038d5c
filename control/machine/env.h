/* The environment of the drivers (drivers/io/env.h) in the control partition: ports and device
 * memory as vmm/policy/devices.def gives them, DMA memory of its own RAM, interrupt lines as events
 * (docs/abi.md), the TSC as clock.  Asking it for the time, as all do who wait, is a sign of life.
 */
#pragma once
#include "drivers/io/env.h"

struct io_env *machine_env(void);

/* Some device's interrupt line is masked for good: all of them have to be polled. */
bool env_storm(void);

/* TSC of a time of io_now(), which may be IO_NEVER. */
u64 env_tsc(u64 us);
