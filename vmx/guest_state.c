/* The cache of guest state between exit and entry: which VMCS field each slot stands for. */
#include "vmx/guest_state.h"
#include "vmx/guest_state_write.h"
#include "vmx/vmcs.h"

/* The width column must be the field's own, or its values could be cut off. */
#define GS_WIDTH_16 0
#define GS_WIDTH_64 1
#define GS_WIDTH_32 2
#define GS_WIDTH_n  3
#define GS(name, width, field)                                                                     \
    _Static_assert(((VMCS_##field >> 13) & 3) == GS_WIDTH_##width, #name ": wrong width");
#include "vmx/guest_state.def"

void guest_state_write(struct guest_state *g)
{
    for (u64 dirty = g->dirty; dirty; dirty &= dirty - 1) {
        const u32 f = (u32)__builtin_ctzll(dirty);

        vmwrite(guest_field_encoding[f], g->field[f]);
    }
    g->dirty = 0;
}
