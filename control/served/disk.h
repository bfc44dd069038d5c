/* A guest's disk: a virtio-blk in front of what its configuration names. */
#pragma once
#include "control/manage/world.h"
#include "control/served/device.h"

#define DISK_QUEUES_MAX 4u /* one for each of the guest's processors, and no more */

/* `text`: control/disk/backing.h; `guest`: its name, for people.  NULL: it cannot be, and the log
 * says why. */
struct served_device *disk_open(const char *text, const char *guest, const struct grant *grant,
                                u32 number, u32 vcpus);
/* Of a device of that kind. */
void disk_facts(const struct served_device *d, struct manage_disk *facts);
