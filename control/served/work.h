/* The devices of all guests get their turns: work that is due, back ends polled. */
#pragma once
#include "control/served/device.h"

void work_init(void);
void work_add(struct served_device *d);
void work_remove(struct served_device *d);
/* The newest of all guests' devices; then on by ->next.  NULL: there is none. */
struct served_device *work_devices(void);
/* Whether all queues are looked at all the time (virtio_poll_queue()). */
void work_poll_queues(bool polled);
