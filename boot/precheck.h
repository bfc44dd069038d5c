/* Can this machine run Lintel?  Judged before anything of it is changed. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

/* What the machine needs besides a processor: bytes of free memory. */
struct precheck_need {
    u64 modules; /* for the guests' files and plans */
    u64 guests;  /* needs_guest_memory() */
};

/* info->mem is the machine's memory.  E_NOTSUP: every lack is said with its remedy, and the
 * first is the refusal's reason.  Else info->vmx is filled. */
err_t precheck(struct boot_info *info, struct precheck_need need);
