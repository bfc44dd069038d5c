/* See backing_source.h. */
#include "control/disk/backing_source.h"
#include "control/disk/source.h"
#include "lib/fmt.h"
#include <stdarg.h>

/* What a source is opened with. */
struct opening {
    struct backing_source *s;
    const struct backing_text *t;
    struct io_env *env;
    char *why;
    size_t why_size;
};

/* Large, and needed while one is opened. */
static struct gpt gpt;
static struct fat fat;

static err_t complain(const struct opening *o, err_t err, const char *format, ...)
    PRINTF_LIKE(3, 4);
static err_t complain(const struct opening *o, err_t err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fmt_vbuf(o->why, o->why_size, format, args);
    va_end(args);
    return err;
}

/* ------------------------------------------------------------ memory */

static err_t open_memory(const struct opening *o)
{
    struct backing_source *const s = o->s;
    const u64 bytes = o->t->bytes;

    if (bytes > UINT32_MAX ||
        (!s->room.at &&
         o->env->ops->dma_alloc(o->env, (u32)bytes, (u32)PAGE_SIZE, UINT64_MAX, &s->room) != OK))
        return complain(o, E_NOMEM,
                        "the control partition has no %llu KiB in one piece; set control_memory",
                        (unsigned long long)(bytes / KiB));
    s->top = &s->memory.disk;
    TRY(memory_disk_open(&s->memory, o->env, "memory", s->room.at, bytes, o->t->read_only));
    s->memory.deadly = o->t->deadly;
    return OK;
}

/* ------------------------------------------------------------ partitions */

/* Why no partition is written to, though nobody asked for that. */
static void remark_doubts(const struct opening *o)
{
    for (u32 doubt = 0; doubt < GPT_DOUBTS; doubt++)
        if (gpt.doubts >> doubt & 1) {
            fmt_buf(o->why, o->why_size, "read-only: %s", gpt_doubt_text((enum gpt_doubt)doubt));
            return;
        }
}

static err_t no_table(const struct opening *o, err_t err)
{
    const char *const disk = o->t->disk;

    if (err == E_NOENT)
        return complain(o, err,
                        "%s has no GUID partition table; the whole disk is %s, a file of "
                        "its FAT volume %s::/path",
                        disk, disk, disk);
    if (err == E_INVAL)
        return complain(o, err,
                        "both copies of the GUID partition table of %s are damaged; repair "
                        "them, with sgdisk for one",
                        disk);
    return complain(o, err, "%s cannot be read", disk);
}

static err_t no_partition(const struct opening *o)
{
    size_t len = fmt_buf(o->why, o->why_size, "%s has no partition '%s'; it has", o->t->disk,
                         o->t->partition);

    for (u32 i = 0; i < gpt.count && len < o->why_size; i++)
        len += fmt_buf(o->why + len, o->why_size - len, "%s %u '%s'", i ? "," : "",
                       gpt.partition[i].number, gpt.partition[i].name);
    if (gpt.count == 0)
        fmt_buf(o->why, o->why_size, "%s has an empty partition table", o->t->disk);
    return E_NOENT;
}

NOINLINE static err_t open_partition(const struct opening *o, const struct io_segment *buffer)
{
    struct backing_source *const s = o->s;
    struct disk_sectors reader;
    struct sectors sectors;
    err_t err = disk_sectors(&reader, s->whole, buffer, &sectors);

    if (err == OK)
        err = gpt_read(&gpt, &sectors);
    if (err != OK)
        return no_table(o, err);
    err = source_partition(&s->part, &s->part_at, s->whole, &gpt, o->t->partition);
    if (err == E_NOENT)
        return no_partition(o);
    if (err != OK)
        return complain(o, err, "partition '%s' is not on the disk", o->t->partition);
    remark_doubts(o);
    return OK;
}

/* ------------------------------------------------------------ files */

static err_t no_file(const struct opening *o, err_t err)
{
    const char *const path = o->t->path;

    switch (err) {
    case E_NOENT: return complain(o, err, "there is no file %s on %s", path, o->s->part.disk.name);
    case E_NOTSUP:
        return complain(o, err, "%s lies in more than %u pieces; a copy of it has fewer", path,
                        BACKING_EXTENTS);
    case E_INVAL: return complain(o, err, "%s is empty, a folder, or damaged", path);
    default: return complain(o, err, "%s cannot be read", o->t->disk);
    }
}

NOINLINE static err_t open_file(const struct opening *o, const struct io_segment *buffer)
{
    struct backing_source *const s = o->s;
    struct disk_sectors reader;
    struct sectors sectors;
    err_t err = disk_sectors(&reader, &s->part.disk, buffer, &sectors);

    if (err == OK)
        err = fat_open(&fat, &sectors);
    if (err != OK)
        return complain(o, err, "%s has no FAT volume that can be read", s->part.disk.name);
    err = source_file(&s->file, s->file_at, BACKING_EXTENTS, &s->part.disk, &fat, o->t->path,
                      &s->bytes);
    if (err != OK)
        return no_file(o, err);
    if (fat.doubt)
        (void)complain(o, OK, "read-only: the copies of the FAT differ; check the volume");
    s->top = &s->file.disk;
    return OK;
}

/* ------------------------------------------------------------ all of them */

static err_t open_whole(const struct opening *o)
{
    struct backing_source *const s = o->s;

    s->part_at = (struct extent){0, s->whole->sectors};
    if (extents_disk_open(&s->part, s->whole, s->whole->name, &s->part_at, 1, false) != OK)
        return complain(o, E_NOENT, "%s has no sectors", o->t->disk);
    return OK;
}

static err_t open_stack(const struct opening *o)
{
    struct backing_source *const s = o->s;
    const struct io_segment buffer = {s->room.at, s->room.bus, s->room.len};

    if (o->t->partition[0] != '\0')
        TRY(open_partition(o, &buffer));
    else
        TRY(open_whole(o));
    s->top = &s->part.disk;
    return o->t->kind == BACKING_FILE ? open_file(o, &buffer) : OK;
}

/* The room is for the sectors that are looked at. */
static err_t open_disk(const struct opening *o)
{
    struct backing_source *const s = o->s;
    err_t err;

    if (!s->whole)
        return complain(o, E_NOENT, "the machine has no disk %s; the log lists those that it has",
                        o->t->disk);
    if (s->whole->flags & DISK_HAS_NO_MEDIUM)
        return complain(o, E_NOENT, "there is no medium in %s", o->t->disk);
    if (o->env->ops->dma_alloc(o->env, SECTORS_ROOM, (u32)PAGE_SIZE, s->whole->bus_last,
                               &s->room) != OK)
        return complain(o, E_NOMEM, "no memory is left; set control_memory");
    err = open_stack(o);
    o->env->ops->dma_free(o->env, &s->room);
    s->room.at = NULL;
    return err;
}

err_t backing_source_open(struct backing_source *s, const struct backing_text *t, struct disk *disk,
                          struct io_env *env, char *why, size_t why_size)
{
    const struct opening o = {s, t, env, why, why_size};

    fmt_buf(why, why_size, "%s", "");
    s->whole = t->kind == BACKING_MEMORY ? NULL : disk;
    TRY(t->kind == BACKING_MEMORY ? open_memory(&o) : open_disk(&o));
    if (t->read_only)
        fmt_buf(why, why_size, "%s", "");
    else if ((s->top->flags & DISK_IS_READ_ONLY) && why[0] == '\0')
        fmt_buf(why, why_size, "read-only: it is marked so");
    if (t->read_only)
        s->top->flags |= DISK_IS_READ_ONLY;
    return OK;
}

void backing_source_close(struct backing_source *s)
{
    disk_stop(s->top);
    if (s->top == &s->file.disk)
        disk_stop(&s->part.disk);
    if (s->room.at)
        s->memory.disk.env->ops->dma_free(s->memory.disk.env, &s->room);
}

struct extent backing_extent(const struct backing_source *s, u32 n)
{
    if (!s->whole)
        return (struct extent){0, 0};
    if (s->top == &s->part.disk)
        return n == 0 ? s->part_at : (struct extent){0, 0};
    if (n >= s->file.extents)
        return (struct extent){0, 0};
    return (struct extent){s->part_at.sector + s->file_at[n].sector, s->file_at[n].sectors};
}
