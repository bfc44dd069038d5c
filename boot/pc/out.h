/* Bytes appended to a buffer of fixed size, for the tables that a guest is given.  They are
 * counted also when they no longer fit: one look at `at` when all is done is enough.  Pure. */
#pragma once
#include "lib/types.h"

struct out {
    u8 *buf;
    size_t size, at;
};

static inline void out_u8(struct out *o, u32 v)
{
    if (o->at < o->size)
        o->buf[o->at] = (u8)v;
    o->at++;
}

static inline void out_le(struct out *o, u64 v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out_u8(o, (u8)(v >> 8 * i));
}

static inline void out_text(struct out *o, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out_u8(o, (u8)s[i]);
}

static inline void out_align(struct out *o, size_t to)
{
    while (o->at % to)
        out_u8(o, 0);
}

static inline void out_set8(struct out *o, size_t at, u32 v)
{
    if (at < o->size)
        o->buf[at] = (u8)v;
}

static inline u8 out_sum(const struct out *o, size_t from, size_t to)
{
    u8 total = 0;
    for (size_t i = from; i < MIN(to, o->size); i++)
        total = (u8)(total + o->buf[i]);
    return total;
}
