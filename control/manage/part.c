/* See part.h.  Pure. */
#include "control/manage/part.h"
#include "lib/fmt.h"

void part_text(char text[PART_TEXT], u64 part, u64 all)
{
    const u32 shift = all >> 50 ? 14 : 0; /* of ticks: days, whose digits do not show */
    const u64 whole = all >> shift, share = MIN(part, all) >> shift;
    const u64 permille = whole ? (share * 1000 + whole / 2) / whole : 0;

    fmt_buf(text, PART_TEXT, "%u.%u%%", (u32)(permille / 10), (u32)(permille % 10));
}

void part_put(struct output *out, u64 part, u64 all)
{
    char text[PART_TEXT];

    part_text(text, part, all);
    output_text(out, text);
}

void part_put_exact(struct output *out, u64 part, u64 all)
{
    if (out->json)
        output_number(out, part);
    else
        part_put(out, part, all);
}
