/* The devices of all guests get their turns: work that is due, back ends polled. */
#pragma once
#include "control/served/device.h"

void work_init(void);
void work_add(struct served_device *d);
void work_remove(struct served_device *d);
