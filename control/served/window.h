/* A guest's memory as we see it: all of its RAM, mapped in a window of addresses. */
#pragma once
#include "control/guest/grant.h"

struct served_window {
    u32 partition;
    u64 at, bytes; /* of the window; 0: none */
    struct served_window *next;
    struct grant grant;
};

/* E_NOMEM: no addresses, or no page for a table; E_PERM: the microkernel refuses. */
err_t window_open(struct served_window *w, u32 partition, u64 memory);
void window_close(struct served_window *w);
