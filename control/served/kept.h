/* What of the guests' devices outlives this program: in the memory that a crash leaves alone, an
 * entry for each virtio device of a guest's life, and a mark on the one whose work is being done.
 *
 * A device over whose work one life after the other dies would take all guests' devices with it:
 * each life that died so is counted, and the device counts as deadly from KEPT_DEADLY on.  Deaths
 * over another device's work between them do not matter; that the device works again does.
 * Pure. */
#pragma once
#include "control/virtio/keep.h"

#define KEPT_QUEUES 5u /* of a device that goes on */
#define KEPT_DEADLY 3u /* lives that died over a device's work, and no more shall */

struct kept_device {
    u32 partition; /* 0: free */
    u32 life;      /* of the guest */
    u32 index;     /* of the device in it */
    u32 user;      /* the life of this program that has asked for it last */
    u32 deaths;    /* of this program over its work, up to KEPT_DEADLY */
    struct virtio_kept kept;
    struct vring_journal journal[KEPT_QUEUES];
};

/* Of a guest. */
struct kept_guest {
    u32 life;
    u32 address; /* that it has written to port 0xcf8 */
    u32 loads;   /* how often its image was begun to be loaded */
};

/* Of the life `life` of this program, in memory that was zeros in the first one.  Whoever was at
 * work when the last one died has one death more. */
void kept_init(void *memory, size_t bytes, u32 life);
/* A guest's; zeros when its life begins. */
struct kept_guest *kept_guest(u32 partition, u32 life);
/* The entry of a device, a new one if there is none; NULL: there is no room. */
struct kept_device *kept_get(u32 partition, u32 life, u32 index);
/* For virtio_use_mark(). */
u32 *kept_mark(void);
u32 kept_number(const struct kept_device *e);
static inline bool kept_is_deadly(const struct kept_device *e)
{
    return e->deaths >= KEPT_DEADLY;
}
/* Its work does not kill, or what did is gone. */
static inline void kept_absolve(struct kept_device *e)
{
    e->deaths = 0;
}
/* Those of a partition but of this life (0: of all): what they tell of is gone. */
void kept_forget(u32 partition, u32 but_life);
/* Those that nobody has asked for since kept_init(): of guests that have ended meanwhile. */
void kept_forget_left(void);
