/* See segments.h.  Pure. */
#include "control/disk/segments.h"
#include "lib/mem.h"

/* The segment that `*offset` is in; *offset becomes the offset inside it. */
static const struct io_segment *seek(const struct io_segment *s, u64 *offset)
{
    for (; *offset >= s->len; s++)
        *offset -= s->len;
    return s;
}

void segments_read(const struct io_segment *s, u64 offset, void *to, u64 len)
{
    u8 *out = to;

    while (len) {
        s = seek(s, &offset);
        const u64 here = MIN(len, s->len - offset);

        copy_bulk(out, (const u8 *)s->at + offset, here);
        out += here;
        offset += here;
        len -= here;
    }
}

void segments_write(const struct io_segment *s, u64 offset, const void *from, u64 len)
{
    const u8 *in = from;

    while (len) {
        s = seek(s, &offset);
        const u64 here = MIN(len, s->len - offset);

        copy_bulk((u8 *)s->at + offset, in, here);
        in += here;
        offset += here;
        len -= here;
    }
}

u32 segments_cut(const struct io_segment *s, u64 offset, u64 len, struct io_segment *piece)
{
    u32 count = 0;

    while (len) {
        s = seek(s, &offset);
        const u32 here = (u32)MIN(len, s->len - offset);

        piece[count++] = (struct io_segment){(u8 *)s->at + offset, s->bus + offset, here};
        offset += here;
        len -= here;
    }
    return count;
}
