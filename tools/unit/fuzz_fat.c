/* Fuzz target for the FAT reader: a volume that has been changed in any way.  Every walk ends after
 * few reads, names are texts, and a file's place is inside of the volume's data, without overlaps.
 */
#include "tools/unit/fat_image.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

#define MOST 16u
#define READS_MAX                                                                                  \
    600000u /* 65,536 entries, each perhaps in a cluster of its own, in two folders                \
             */

static struct fat f;

static void require_place(const struct fat_entry *e)
{
    struct extent x[MOST];
    struct fat_file file;
    u64 sectors = 0;

    if (fat_extents(&f, e, x, MOST, &file) != OK)
        return;
    REQUIRE(file.extents >= 1 && file.extents <= MOST && file.size == e->size);
    for (u32 i = 0; i < file.extents; i++) {
        REQUIRE(x[i].sectors && x[i].sector >= f.data_first &&
                x[i].sector + x[i].sectors <= f.sectors->count);
        sectors += x[i].sectors;
        for (u32 k = 0; k < i; k++)
            REQUIRE(x[i].sector >= x[k].sector + x[k].sectors ||
                    x[k].sector >= x[i].sector + x[i].sectors);
    }
    REQUIRE(sectors == (file.size + 511) / 512);
}

static void list(struct fat_folder folder, bool deeper)
{
    struct fat_entry e;

    for (u32 i = 0; i < 40 && fat_next(&f, &folder, &e) == OK; i++) {
        struct fat_folder inner;

        REQUIRE(memchr(e.name, 0, sizeof(e.name)) && memchr(e.short_name, 0, sizeof(e.short_name)));
        require_place(&e);
        if (deeper && fat_enter(&f, &e, &inner) == OK)
            list(inner, false);
    }
}

/* Four bytes a change: what part, where, and which byte it is then. */
static void change(struct volume *v, const u8 *data)
{
    const u32 offset = data[1] | (u32)data[2] << 8;

    switch (data[0] % 6) {
    case 0: v->boot[offset % 64] = data[3]; break;
    case 1: v->table[0][offset % 128] = data[3]; break;
    case 2: v->table[0][offset % 128] = v->table[1][offset % 128] = data[3]; break;
    case 3: volume_root(v)[offset % 512] = data[3]; break;
    case 4: v->data[(10 - 2) * 512 + offset % 512] = data[3]; break;
    default: v->data[offset % sizeof(v->data)] = data[3]; break;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct volume v;
    struct fat_folder root;
    struct fat_entry e;

    if (size == 0)
        return 0;
    volume_init(&v, (enum fat_kind)(data[0] % 3));
    const struct sectors s = volume_sectors(&v);

    for (data++, size--; size >= 4; data += 4, size -= 4)
        change(&v, data);
    if (fat_open(&f, &s) != OK)
        return 0;
    fat_root(&f, &root);
    list(root, true);
    if (fat_find(&f, "sub\\a.txt", &e) == OK)
        require_place(&e);
    REQUIRE(v.reads < READS_MAX);
    return 0;
}
