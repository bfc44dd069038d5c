/* See source.h.  Pure. */
#include "control/disk/source.h"
#include "lib/fmt.h"

err_t source_partition(struct extents_disk *e, struct extent *extent, struct disk *whole,
                       const struct gpt *g, const char *which)
{
    const struct gpt_partition *const p = gpt_find(g, which);
    char name[sizeof(whole->name)];

    if (!p)
        return E_NOENT;
    *extent = (struct extent){p->first, p->sectors};
    fmt_buf(name, sizeof(name), "%s:%u", whole->name, p->number);
    return extents_disk_open(e, whole, name, extent, 1, p->read_only);
}

err_t source_file(struct extents_disk *e, struct extent *extent, u32 most, struct disk *volume,
                  struct fat *f, const char *path, u64 *bytes)
{
    struct fat_entry entry;
    struct fat_file file;

    TRY(fat_find(f, path, &entry));
    TRY(fat_extents(f, &entry, extent, most, &file));
    *bytes = file.size;
    return extents_disk_open(e, volume, entry.short_name, extent, file.extents, file.read_only);
}
