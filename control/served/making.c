/* See making.h. */
#include "control/served/making.h"
#include "control/create/file.h"
#include "control/create/loader.h"
#include "control/disk/sectors.h"
#include "control/disk/volume.h"
#include "control/machine/machine.h"
#include "control/rt.h"
#include "lib/fmt.h"

#define MARK "/lintel/lintel.conf" /* the volume that has it is Lintel's */

/* ------------------------------------------------------------ the volume */

static bool find_on(struct disk *disk, const struct io_dma *buffer, char *text, size_t room)
{
    const struct io_segment segment = {buffer->at, buffer->bus, buffer->len};
    u32 partition;

    if (disk->flags & DISK_HAS_NO_MEDIUM || volume_find(disk, &segment, MARK, &partition) != OK)
        return false;
    if (partition == 0)
        fmt_buf(text, room, "%s::", disk->name);
    else
        fmt_buf(text, room, "%s:%u:", disk->name, partition);
    return true;
}

/* Looked for at each question: media change. */
const char *making_volume(void)
{
    static char text[32];
    struct io_env *const env = machine_env();
    struct io_dma buffer;
    char name[16];

    text[0] = '\0';
    if (env->ops->dma_alloc(env, SECTORS_ROOM, (u32)PAGE_SIZE, IO_BUS_32, &buffer) != OK)
        return text;
    for (u32 i = 0; i < machine_disks() && text[0] == '\0'; i++) {
        fmt_buf(name, sizeof(name), "drive%u", i);
        struct disk *const disk = machine_disk(name);

        if (disk)
            (void)find_on(disk, &buffer, text, sizeof(text));
    }
    env->ops->dma_free(env, &buffer);
    return text;
}

/* ------------------------------------------------------------ guests */

/* Whether there is such a file; *sum: and its bytes. */
static bool look_at_file(const char *path, u64 *sum, char *why, size_t why_size)
{
    struct file *f;

    if (path[0] == '\0')
        return true;
    f = file_open(path, why, why_size);
    if (!f)
        return false;
    *sum += file_bytes(f);
    file_close(f);
    return true;
}

static err_t refuse(const struct abi_guest_spec *spec, i64 result, char *why, size_t why_size)
{
    const unsigned long long mib = spec->memory / MiB;

    switch (result) {
    case ABI_EEXIST:
        fmt_buf(why, why_size, "there is a guest '%s' already, or it has not ended yet",
                spec->name);
        return E_EXIST;
    case ABI_ENOMEM:
        fmt_buf(why, why_size,
                "the machine has no %llu MiB of memory left; give it less, or 'destroy' a guest",
                mib);
        return E_NOMEM;
    case ABI_ENOENT:
        fmt_buf(why, why_size, "there are as many guests as there can be; 'destroy' one");
        return E_NOENT;
    default:
        fmt_buf(why, why_size,
                "Lintel refuses to make '%s' (%lld); is its name one of A-Z a-z 0-9 "
                "- _ . with a letter or digit first?",
                spec->name, (long long)result);
        return E_INVAL;
    }
}

err_t making_create(const struct abi_guest_spec *spec, u32 *number, char *why, size_t why_size)
{
    u64 bytes = 0;
    i64 result;

    if (!look_at_file(spec->kernel, &bytes, why, why_size) ||
        !look_at_file(spec->initrd, &bytes, why, why_size))
        return E_NOENT;
    if (bytes > spec->memory) {
        fmt_buf(why, why_size, "its files have %llu KiB, the guest %llu MiB; give it more --memory",
                (unsigned long long)(bytes / KiB), (unsigned long long)(spec->memory / MiB));
        return E_RANGE;
    }
    result = abi_create(rt_physical(spec));
    if (result < 0)
        return refuse(spec, result, why, why_size);
    *number = (u32)result;
    loader_watch(*number);
    return OK;
}

enum manage_made making_made(const char **why)
{
    switch (loader_outcome(why)) {
    case LOADER_BUSY: return MANAGE_MAKING;
    case LOADER_DONE: return MANAGE_MADE;
    default: return MANAGE_NOT_MADE;
    }
}
