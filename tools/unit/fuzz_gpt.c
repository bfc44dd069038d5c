/* Fuzz target for gpt_read(): a disk whose tables have been changed in any way, with CRCs that are
 * right or wrong.  Partitions lie on the disk, do not overlap if they may be written to, and a
 * doubt makes all read-only. */
#include "tools/unit/gpt_image.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static void require_partition(const struct gpt *g, u32 n)
{
    const struct gpt_partition *const p = &g->partition[n];

    REQUIRE(p->sectors && p->first > 1 && p->sectors <= IMAGE_SECTORS &&
            p->first <= IMAGE_SECTORS - 1 - p->sectors);
    REQUIRE(memchr(p->name, 0, sizeof(p->name)) != NULL);
    REQUIRE(g->doubts == 0 || p->read_only);
    for (u32 i = 0; i < n && !p->read_only; i++)
        REQUIRE(p->first >= g->partition[i].first + g->partition[i].sectors ||
                g->partition[i].first >= p->first + p->sectors);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct image m;
    static struct gpt g;
    const struct sectors s = image_sectors(&m);
    u32 sign = 0;

    image_init(&m);
    image_partition(&m, 0, 100, 199, "one");
    image_partition(&m, 1, 200, 300, "two");
    /* Changes of four bytes: where (both copies, one, or the MBR), and what. */
    for (; size >= 4; data += 4, size -= 4) {
        const u32 where = data[0] & 7, offset = data[1] | (u32)(data[2] & 1) << 8;

        if (where == 0 || where == 1)
            m.at[1][offset] = data[3];
        if (where == 0 || where == 2)
            m.at[IMAGE_SECTORS - 1][offset] = data[3];
        if (where == 3 || where == 4)
            image_entry(&m, false, 0)[offset] = data[3];
        if (where == 3 || where == 5)
            image_entry(&m, true, 0)[offset] = data[3];
        if (where == 6)
            m.at[0][offset] = data[3];
        sign |= data[0] >> 6;
    }
    for (u32 backup = 0; backup < 2; backup++)
        if (sign >> backup & 1)
            image_sign(&m, backup);
    if (gpt_read(&g, &s) != OK)
        return 0;
    for (u32 i = 0; i < g.count; i++)
        require_partition(&g, i);
    return 0;
}
