/* A guest's source of entropy: a virtio-rng in front of the processor's RDSEED. */
#pragma once
#include "control/served/device.h"

/* `text`: control/served/device_text.h.  NULL: it cannot be, and the log says why. */
struct served_device *random_open(const char *text, const char *guest, const struct grant *grant);
