/* `top GUEST`: the live view (picture.h) of one guest, look by look.  Pure. */
#pragma once
#include "control/manage/picture.h"
#include "control/manage/world.h"
#include "control/shell/output.h"

struct view {
    u32 partition;
    u64 start; /* of this life */
    struct picture_sample before, after;
    u64 last_exit[ABI_VCPUS_MAX]; /* TSC of each virtual CPU's last exit, as far as seen */
    struct picture picture;
};

void view_begin(struct view *v, u32 partition);
/* Looks, and shows what was since the look before, or since the guest's start; `over`: over the
 * picture before, else below what there is.  False: it does not run any more; nothing is shown. */
bool view_look(struct view *v, const struct manage_world *world, bool over, struct output *out);
