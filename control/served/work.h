/* The devices of all guests get their turns: work that is due, back ends polled. */
#pragma once
#include "control/served/device.h"

void work_init(void);
void work_add(struct served_device *d);
void work_remove(struct served_device *d);
/* The n-th of all guests' devices, the one that is there for the longest time first; NULL: there
 * are no more. */
struct served_device *work_device(u32 n);
/* Whether all queues are looked at all the time (virtio_poll_queue()). */
void work_poll_queues(bool polled);
