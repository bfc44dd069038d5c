/* A guest's network card: a virtio-net at a port of a switch. */
#pragma once
#include "control/manage/world.h"
#include "control/served/device.h"

#define NETWORK_PAIRS 1u /* of queues */

/* `text`: control/served/device_text.h.  NULL: it cannot be, and the log says why. */
struct served_device *network_open(const char *text, const char *guest, const struct grant *grant,
                                   u32 number);
/* Of a device of that kind. */
void network_facts(const struct served_device *d, struct manage_port *facts);
/* Plugs its cable in, or pulls it out. */
void network_set_link(struct served_device *d, bool up);
