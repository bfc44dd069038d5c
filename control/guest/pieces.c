/* Bytes of a chain of buffers; see pieces.h.  Pure. */
#include "control/guest/pieces.h"
#include "control/guest/fetch.h"
#include "lib/mem.h"

/* Skips whole pieces: *offset becomes the one in the piece that is returned. */
static u32 seek(const struct io_segment *s, u32 n, u64 *offset)
{
    u32 i = 0;

    for (; i < n && *offset >= s[i].len; i++)
        *offset -= s[i].len;
    return i;
}

u32 pieces_read(const struct io_segment *s, u32 n, u64 offset, void *to, u32 len)
{
    u32 done = 0;

    for (u32 i = seek(s, n, &offset); i < n && done < len; i++, offset = 0) {
        const u32 here = (u32)MIN(len - done, s[i].len - offset);
        fetch_bytes((u8 *)to + done, (const u8 *)s[i].at + offset, here);
        done += here;
    }
    return done;
}

u32 pieces_write(const struct io_segment *s, u32 n, u64 offset, const void *from, u32 len)
{
    u32 done = 0;

    for (u32 i = seek(s, n, &offset); i < n && done < len; i++, offset = 0) {
        const u32 here = (u32)MIN(len - done, s[i].len - offset);
        copy_bulk((u8 *)s[i].at + offset, (const u8 *)from + done, here);
        done += here;
    }
    return done;
}

u32 pieces_copy(const struct io_segment *to, u32 to_n, u64 to_offset, const struct io_segment *from,
                u32 from_n, u32 len)
{
    u32 done = 0;

    for (u32 i = 0; i < from_n && done < len; i++) {
        const u32 here = MIN(len - done, from[i].len);
        const u32 now = pieces_write(to, to_n, to_offset + done, from[i].at, here);
        done += now;
        if (now < here)
            break;
    }
    return done;
}

bool pieces_first(const struct io_segment *s, u32 n, u64 offset, u64 len, struct io_segment *out)
{
    const u32 i = seek(s, n, &offset);

    if (i == n || len == 0)
        return false;
    *out = (struct io_segment){.at = (u8 *)s[i].at + offset,
                               .bus = s[i].bus + offset,
                               .len = (u32)MIN(len, s[i].len - offset)};
    return true;
}

u32 pieces_cut(const struct io_segment *s, u32 n, u64 offset, u64 len, struct io_segment *out)
{
    u32 count = 0;

    for (u32 i = seek(s, n, &offset); pieces_first(s + i, n - i, offset, len, &out[count]);
         i++, offset = 0)
        len -= out[count++].len;
    return count;
}
