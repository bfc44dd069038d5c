/* The test device of a guest that is served (scratch.h), as ports and as a page of memory. */
#pragma once
#include "abi/control.h"
#include "control/scratch.h"

struct scratch_device {
    u32 partition;
    struct scratch regs;
    u32 bell[2];        /* event ports */
    u64 mapped;         /* bytes in the window, 0: nothing */
    u32 slot, sequence; /* of a write that is to be answered later; sequence 0: none */
};

/* Claims what it needs of the guest.  ABI_*. */
i64 scratch_attach(struct scratch_device *d, u32 partition);
void scratch_detach(struct scratch_device *d);
/* One of its ranges was accessed. */
bool scratch_owns(const struct abi_request *r);
void scratch_serve(struct scratch_device *d, u32 slot, const struct abi_request *r);
