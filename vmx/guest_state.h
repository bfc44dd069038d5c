/* Guest state of one vCPU, read from the VMCS when first asked for after an exit and
 * written back before the next entry only if changed.  In host tests the cache is
 * filled by hand, so that handlers are ordinary C. */
#pragma once
#include "lib/types.h"
#include "vmx/gregs.h"

enum guest_field {
#define GS(name, width, field) GS_##name,
#include "vmx/guest_state.def"
    GS_COUNT
};
_Static_assert(GS_COUNT <= 64, "one bit each in valid and dirty");

struct guest_state {
    struct gregs regs; /* first: HOST_RSP points at it */
    u64 valid, dirty;  /* bit per guest_field */
    u64 field[GS_COUNT];
};

void guest_state_load(struct guest_state *g,
                      enum guest_field f); /* VMREAD (vmx/) or a test's fake */

static inline u64 gs_get(struct guest_state *g, enum guest_field f)
{
    if (!(g->valid & BIT(f)))
        guest_state_load(g, f);
    return g->field[f];
}

static inline void gs_set(struct guest_state *g, enum guest_field f, u64 value)
{
    g->field[f] = value;
    g->valid |= BIT(f);
    g->dirty |= BIT(f);
}
