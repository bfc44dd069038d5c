/* Guest state of one vCPU, read from the VMCS when first asked for after an exit and
 * written back before the next entry only if changed.  In host tests the cache is
 * filled by hand, so that handlers are ordinary C. */
#pragma once
#include "lib/types.h"
#include "vmx/gregs.h"
#ifndef HOST_TEST
#include "vmx/vmcs.h"
#endif

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

#ifdef HOST_TEST
u64 guest_state_load(struct guest_state *g, enum guest_field f); /* the test's fake */
#else
/* The VMCS field of each slot: a constant index folds into the VMREAD. */
static const u16 guest_field_encoding[GS_COUNT] = {
#define GS(name, width, field) [GS_##name] = VMCS_##field,
#include "vmx/guest_state.def"
};

static inline u64 guest_state_load(struct guest_state *g, enum guest_field f)
{
    const u64 value = vmread(guest_field_encoding[f]);

    g->field[f] = value;
    g->valid |= BIT(f);
    return value;
}
#endif

static inline u64 gs_get(struct guest_state *g, enum guest_field f)
{
    return g->valid & BIT(f) ? g->field[f] : guest_state_load(g, f);
}

/* What the guest had at the exit, without a place in the cache: for a handler that asks once, and
 * before anything was set. */
static inline u64 gs_at_exit(struct guest_state *g, enum guest_field f)
{
#ifdef HOST_TEST
    return gs_get(g, f);
#else
    (void)g;
    return vmread_proven(guest_field_encoding[f]);
#endif
}

/* These are in the cache after every exit: no need to ask. */
#define GS_READ_AT_EXIT (BIT(GS_RIP) | BIT(GS_RFLAGS) | BIT(GS_INTERRUPTIBILITY))

static inline void gs_set(struct guest_state *g, enum guest_field f, u64 value)
{
    g->field[f] = value;
    g->valid |= BIT(f);
    g->dirty |= BIT(f);
}
