/* A guest's console: a virtio console whose other end is the one of its COM1
 * (abi/hypercalls.def, console_*). */
#pragma once
#include "control/served/device.h"

/* `text`: control/served/device_text.h.  NULL: it cannot be, and the log says why. */
struct served_device *terminal_open(const char *text, const char *guest, const struct grant *grant);
