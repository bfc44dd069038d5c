/* What of the guests' devices outlives this program: in the memory that a crash leaves alone, an
 * entry for each virtio device of a guest's life. */
#pragma once
#include "control/virtio/keep.h"

#define KEPT_QUEUES 5u /* of a device that goes on */

struct kept_device {
    u32 partition; /* 0: free */
    u32 life;      /* of the guest */
    u32 index;     /* of the device in it */
    struct virtio_kept kept;
    struct vring_journal journal[KEPT_QUEUES];
};

void kept_init(void);
/* The entry of a device, a new one if there is none; NULL: there is no room. */
struct kept_device *kept_get(u32 partition, u32 life, u32 index);
/* Those of a partition but of this life (0: of all): what they tell of is gone. */
void kept_forget(u32 partition, u32 but_life);
