/* What of the guests' devices outlives this program: in the memory that a crash leaves alone, an
 * entry for each virtio device of a guest's life. */
#pragma once
#include "control/virtio/keep.h"

#define KEPT_QUEUES 5u /* of a device that goes on */

struct kept_device {
    u32 partition; /* 0: free */
    u32 life;      /* of the guest */
    u32 index;     /* of the device in it */
    u32 user;      /* the life of this program that has asked for it last */
    struct virtio_kept kept;
    struct vring_journal journal[KEPT_QUEUES];
};

/* Of a guest. */
struct kept_guest {
    u32 life;
    u32 address; /* that it has written to port 0xcf8 */
};

void kept_init(void);
/* A guest's; zeros when its life begins. */
struct kept_guest *kept_guest(u32 partition, u32 life);
/* The entry of a device, a new one if there is none; NULL: there is no room. */
struct kept_device *kept_get(u32 partition, u32 life, u32 index);
/* Those of a partition but of this life (0: of all): what they tell of is gone. */
void kept_forget(u32 partition, u32 but_life);
/* Those that nobody has asked for since kept_init(): of guests that have ended meanwhile. */
void kept_forget_left(void);
