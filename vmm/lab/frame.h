/* What the host stubs of enter.asm find at RSP after an exit. */
#pragma once
#include "vmx/gregs.h"

struct lab_frame {
    struct gregs regs;
    u64 no_context[2]; /* INVEPT's descriptor for all contexts: zeros */
};

_Static_assert(offsetof(struct lab_frame, no_context) == offsetof(struct gregs, host_rsp) + 8,
               "enter.asm finds it there");
