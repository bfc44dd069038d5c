/* See scratch.h.  Pure. */
#include "control/scratch.h"
#include "lib/mem.h"

void scratch_reset(struct scratch *s, u32 life)
{
    memset(s, 0, sizeof(*s));
    s->life = life;
}

static bool lies_in(u64 offset, u32 bytes, u64 first, u64 len)
{
    return offset >= first && offset - first <= len && bytes <= len - (offset - first);
}

static bool find_storage(struct scratch *s, u64 offset, u32 bytes, u8 **at)
{
    const bool wide = lies_in(offset, bytes, SCRATCH_WIDE, sizeof(s->wide));

    *at = wide ? s->wide + (offset - SCRATCH_WIDE) : s->storage + (offset & 15);
    return wide || lies_in(offset, bytes, SCRATCH_STORAGE, sizeof(s->storage));
}

u64 scratch_read(struct scratch *s, u64 offset, u32 bytes)
{
    u64 value = 0;
    u8 *from;

    if (find_storage(s, offset, bytes, &from)) {
        memcpy(&value, from, bytes);
        return value;
    }
    switch (offset) {
    case SCRATCH_READS: return ++s->reads;
    case SCRATCH_ID: return SCRATCH_IDENT;
    case SCRATCH_LIFE: return s->life;
    case SCRATCH_COMMAND: return s->result;
    case SCRATCH_RINGS: return s->rings[0];
    case SCRATCH_RINGS_7: return s->rings[1];
    default: return 0;
    }
}

u32 scratch_write(struct scratch *s, u64 offset, u32 bytes, u64 value)
{
    u8 *to;

    if (find_storage(s, offset, bytes, &to))
        memcpy(to, &value, bytes);
    return offset == SCRATCH_COMMAND && bytes == 4 ? (u32)value : 0;
}
