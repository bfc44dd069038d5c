/* See file.h. */
#include "control/create/file.h"
#include "control/disk/backing_source.h"
#include "control/machine/machine.h"
#include "lib/fmt.h"

struct file {
    struct backing_source source;
    struct io_dma self, buffer;
    struct io_segment segment;
    struct disk_request request;
    void (*done)(bool good);
    u32 len; /* of the piece */
    char why[160];
};

static void release(struct file *f)
{
    const struct io_env_ops *const ops = machine_env()->ops;
    const struct io_dma self = f->self;

    if (f->buffer.at)
        ops->dma_free(machine_env(), &f->buffer);
    ops->dma_free(machine_env(), &self);
}

/* Down to its source; `why` is f->why. */
static err_t open_source(struct file *f, const char *path)
{
    static struct backing_text text; /* too large for the stack */
    struct disk *disk;

    TRY(backing_parse(path, &text, f->why, sizeof(f->why)));
    disk = machine_disk(text.disk);
    TRY(backing_source_open(&f->source, &text, disk, machine_env(), f->why, sizeof(f->why)));
    if (machine_env()->ops->dma_alloc(machine_env(), FILE_PIECE, FILE_PIECE, disk->bus_last,
                                      &f->buffer) == OK)
        return OK;
    fmt_buf(f->why, sizeof(f->why), "no memory is left to read it; set control_memory");
    backing_source_close(&f->source);
    return E_NOMEM;
}

struct file *file_open(const char *text, char *why, size_t why_size)
{
    struct io_dma self;
    struct file *f;

    if (machine_env()->ops->dma_alloc(machine_env(), sizeof(*f), (u32)PAGE_SIZE, UINT64_MAX,
                                      &self) != OK) {
        fmt_buf(why, why_size, "%.60s: no memory is left to read it; set control_memory", text);
        return NULL;
    }
    f = self.at;
    f->self = self;
    if (open_source(f, text) == OK)
        return f;
    fmt_buf(why, why_size, "%.60s: %s", text, f->why);
    release(f);
    return NULL;
}

u64 file_bytes(const struct file *f)
{
    return f->source.bytes;
}

static void note(struct disk_request *r, enum io_result result)
{
    struct file *const f = r->context;

    f->done(result == IO_DONE);
}

err_t file_read(struct file *f, u64 offset, void (*done)(bool good))
{
    struct disk *const disk = f->source.top;
    const u32 sector = disk->sector_size;

    f->done = done;
    f->len = (u32)MIN(file_bytes(f) - offset, FILE_PIECE);
    f->segment = (struct io_segment){f->buffer.at, f->buffer.bus, ALIGN_UP(f->len, sector)};
    f->request = (struct disk_request){.op = DISK_READ,
                                       .sector = offset / sector,
                                       .sectors = f->segment.len / sector,
                                       .segments = 1,
                                       .segment = &f->segment,
                                       .done = note,
                                       .context = f};
    TRY(disk_submit(disk, &f->request));
    disk_kick(disk, 0);
    return OK;
}

void file_poll(struct file *f)
{
    (void)disk_poll(f->source.top);
}

u32 file_piece(const struct file *f, const u8 **at)
{
    *at = f->buffer.at;
    return f->len;
}

void file_close(struct file *f)
{
    if (!f)
        return;
    backing_source_close(&f->source);
    release(f);
}
