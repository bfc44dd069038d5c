/* See volume.h.  Pure. */
#include "control/disk/volume.h"
#include "control/disk/fat.h"
#include "control/disk/gpt.h"

/* Sectors of a partition. */
struct part {
    const struct sectors *whole;
    u64 first;
};

/* Large, and needed while one is looked for. */
static struct gpt gpt;
static struct fat fat;

static err_t read(void *context, u64 sector, void *to)
{
    const struct part *const p = context;

    return p->whole->read(p->whole->context, p->first + sector, to);
}

static bool has_file(const struct sectors *s, const char *path)
{
    static struct fat_entry entry; /* too large for the stack */

    return fat_open(&fat, s) == OK && fat_find(&fat, path, &entry) == OK && !entry.folder;
}

err_t volume_find(struct disk *disk, const struct io_segment *buffer, const char *path,
                  u32 *partition)
{
    struct disk_sectors reader;
    struct sectors whole;

    TRY(disk_sectors(&reader, disk, buffer, &whole));
    *partition = 0;
    if (has_file(&whole, path))
        return OK;
    if (gpt_read(&gpt, &whole) != OK)
        return E_NOENT;
    for (u32 i = 0; i < gpt.count; i++) {
        const struct gpt_partition *const p = &gpt.partition[i];
        struct part part = {&whole, p->first};
        const struct sectors sectors = {read, &part, p->sectors, whole.sector_size};

        *partition = p->number;
        if (has_file(&sectors, path))
            return OK;
    }
    return E_NOENT;
}
