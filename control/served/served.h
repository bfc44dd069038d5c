/* A guest's PCI bus with the virtio devices that its configuration asks for, as the boundary shows
 * it to us: accesses, doorbells, interrupts, memory. */
#pragma once
#include "abi/control.h"
#include "lib/types.h"

struct served;

/* Before the first: those devices that an earlier life has left go on with their guests. */
void served_init(void);

/* When all guests that are there have been opened: what an earlier life has left of others comes to
 * its end. */
void served_finish_left(void);

/* Makes the bus and its devices, claims what the guest is to find, and maps its memory.  A device
 * that cannot be made is left out, with a line in the log.  NULL: nothing can be served. */
struct served *served_open(u32 partition, const struct abi_partition *p);
/* The guest has ended: what is under way is finished, and nothing of it is used any more. */
void served_close(struct served *s);

/* An access in one of the claimed ranges. */
void served_access(struct served *s, u32 slot, const struct abi_request *r);
