/* The machine's devices by the names that guests' configurations use: disks and CD drives `ide0`,
 * `ide1`, ... in the order of channel and drive, network cards `net0`, `net1`, ... in the order of
 * PCI. */
#pragma once
#include "control/machine/env.h"
#include "drivers/io/disk.h"
#include "drivers/io/nic.h"

/* Stops what an earlier life has left running, finds the devices and starts them; the log has a
 * line for each, and for those that cannot be used.  Before anything else takes memory: until then
 * a device may write into it. */
void machine_init(void);

/* NULL: there is none of this name.  Each turn of the loop polls the disk from now on, */
struct disk *machine_disk(const char *name);
/* the card while it has a user (nic->user). */
struct nic *machine_nic(const char *name);

/* Polls disks that were asked for, and cards that have users.  When to call it again at the latest,
 * in microseconds of io_now(); IO_NEVER: when a device has interrupted. */
u64 machine_poll(void);
