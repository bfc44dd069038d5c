/* The laboratory: what this processor's virtualization can do and what its exits cost, measured
 * on the machine as the firmware left it.  The result is JSON text. */
#pragma once
#include "lib/types.h"

struct lab_result {
    char *text;      /* the caller's buffer */
    size_t capacity; /* bytes */
    size_t len;      /* bytes of JSON, without a terminator */
};

/* Runs the laboratory on this CPU, which is in VMX operation; hostmem gives its pages and the log
 * shows its progress.  IF is 0, and the firmware's interrupt controllers, timers and devices are
 * as it left them: nothing here touches them, since it gets the machine back.  All pages are free
 * again and no VMCS is current on return.  Panics if the buffer is too small. */
void lab_run(struct lab_result *out);
