/* The machine's devices by the names that guests' configurations use: disks and CD drives by their
 * kind, `ide0`, `ide1`, ..., `virtio0`, ..., or whatever their kind, `drive0`, `drive1`, ...;
 * network cards `net0`, `net1`, ...  All in the order of PCI; IDE's then in that of channel and
 * drive. */
#pragma once
#include "control/machine/env.h"
#include "drivers/io/disk.h"
#include "drivers/io/nic.h"

struct pci_function;

/* NULL: there is none of this name.  Each turn of the loop polls the disk from now on, */
struct disk *machine_disk(const char *name);
/* the card while it has a user (nic->user). */
struct nic *machine_nic(const char *name);

/* Polls disks that were asked for, and cards that have users.  When to call it again at the latest,
 * in microseconds of io_now(); IO_NEVER: when a device has interrupted. */
u64 machine_poll(void);

/* ------------------------------------------------------------ for those that find them */

#define MACHINE_DISKS 8u
#define MACHINE_CARDS 4u

/* How many were added. */
u32 machine_disks(void);
u32 machine_cards(void);
/* Gives a disk that was started its name, `kind` and a number, and tells the log, which has the
 * name that its driver gave it, too, and `what` it is.  There are less than MACHINE_DISKS. */
void machine_add_disk(struct disk *d, const char *kind, const char *what);
/* The same of a card; there are less than MACHINE_CARDS. */
void machine_add_card(struct nic *n, const char *what);
/* Tells the log of a device that is not used. */
void machine_refuse(const struct pci_function *f, const char *what, const char *why);
/* Why a driver did not start. */
const char *machine_reason(err_t err);
