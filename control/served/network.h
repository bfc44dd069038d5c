/* A guest's network card: a virtio-net at a port of a switch. */
#pragma once
#include "control/served/device.h"

#define NETWORK_PAIRS 1u /* of queues */

/* `text`: control/served/device_text.h.  NULL: it cannot be, and the log says why. */
struct served_device *network_open(const char *text, const char *guest, const struct grant *grant,
                                   u32 number);
