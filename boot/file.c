/* Files on the boot volume; see file.h.
 * UEFI Specification, "Simple File System Protocol", "File Protocol". */
#include "boot/file.h"
#include "boot/console.h"
#include "boot/firmware.h"
#include "boot/memory.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define FOLDER        "\\lintel\\"
#define FULL_PATH_MAX (BOOT_PATH_MAX + sizeof(FOLDER))
#define CHUNK         (512 * KiB) /* some firmware fails at much larger reads */
#define SHOWN_FROM    (1 * MiB)   /* smaller files need no progress */
#define PROGRESS_DOTS 10u
#define COMPARE_PIECE 1024u
#define POSITION_END  UINT64_MAX

static EFI_FILE_HANDLE volume;

err_t file_volume_open(void)
{
    EFI_GUID image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    EFI_GUID volume_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
    EFI_LOADED_IMAGE *image = NULL;
    EFI_FILE_IO_INTERFACE *system = NULL;

    if (fw.boot->HandleProtocol(fw.image, &image_guid, (void **)&image) != EFI_SUCCESS ||
        image->DeviceHandle == NULL ||
        fw.boot->HandleProtocol(image->DeviceHandle, &volume_guid, (void **)&system) != EFI_SUCCESS)
        return refuse(E_NOTSUP, "not started from a file system; start BOOTX64.EFI from the "
                                "partition that has the \\lintel folder");
    if (system->OpenVolume(system, &volume) != EFI_SUCCESS)
        return refuse(E_IO, "the boot volume cannot be opened; check or rewrite the medium");
    return OK;
}

void file_volume_close(void)
{
    if (volume != NULL)
        volume->Close(volume);
    volume = NULL;
}

/* What the firmware calls the file, as text for messages. */
static void full_path(const char *path, char out[FULL_PATH_MAX])
{
    fmt_buf(out, FULL_PATH_MAX, FOLDER "%s", path);
    for (char *c = out; *c != '\0'; c++)
        if (*c == '/')
            *c = '\\';
}

static const char *why(EFI_STATUS status)
{
    switch (status) {
    case EFI_NOT_FOUND: return "not found on the boot volume; copy it there";
    case EFI_ACCESS_DENIED: return "the firmware denies access to it";
    case EFI_UNSUPPORTED: return "not a plain file; lintel.conf must name a file";
    case EFI_NO_MEDIA:
    case EFI_MEDIA_CHANGED: return "the boot medium is gone; put it back";
    default: return "cannot be read; check or rewrite the medium";
    }
}

static err_t failed(const char *path, EFI_STATUS status)
{
    const err_t err = firmware_err(status);

    return refuse(err == OK ? E_IO : err, "%s: %s", path, why(status));
}

/* The position at the end of a file is its size; of a folder it is EFI_UNSUPPORTED. */
static EFI_STATUS measure(EFI_FILE_HANDLE file, u64 *size)
{
    EFI_STATUS status = file->SetPosition(file, POSITION_END);

    if (status == EFI_SUCCESS)
        status = file->GetPosition(file, size);
    if (status == EFI_SUCCESS)
        status = file->SetPosition(file, 0);
    return status;
}

/* The name as the firmware takes it. */
static err_t widen(const char *path, CHAR16 wide[FULL_PATH_MAX])
{
    size_t i = 0;

    for (; path[i] != '\0'; i++) {
        if ((u8)path[i] < 0x20 || (u8)path[i] > 0x7e)
            return refuse(E_INVAL, "%s: only ASCII file names can be opened; rename the file",
                          path);
        wide[i] = (CHAR16)path[i];
    }
    wide[i] = 0;
    return OK;
}

static err_t open_file(const char *path, u64 max, EFI_FILE_HANDLE *file, u64 *size)
{
    CHAR16 wide[FULL_PATH_MAX];

    TRY(widen(path, wide));

    EFI_STATUS status = volume->Open(volume, file, wide, EFI_FILE_MODE_READ, 0);

    if (status != EFI_SUCCESS)
        return failed(path, status);
    status = measure(*file, size);

    err_t err = OK;

    if (status != EFI_SUCCESS)
        err = failed(path, status);
    else if (*size == 0)
        err = refuse(E_INVAL, "%s: empty; copy it again", path);
    else if (*size > max)
        err = refuse(E_RANGE, "%s: larger than %llu KiB", path, max / KiB);
    if (err != OK)
        (*file)->Close(*file);
    return err;
}

err_t file_size(const char *path, u64 max, u64 *size)
{
    char name[FULL_PATH_MAX];
    EFI_FILE_HANDLE file;

    full_path(path, name);
    TRY(open_file(name, max, &file, size));
    file->Close(file);
    return OK;
}

static EFI_STATUS read_all(EFI_FILE_HANDLE file, u8 *data, u64 size)
{
    u64 at = 0;
    u64 dots = 0;

    while (at < size) {
        UINTN len = MIN(size - at, CHUNK);
        const EFI_STATUS status = file->Read(file, &len, data + at);

        if (status != EFI_SUCCESS)
            return status;
        if (len == 0 || len > size - at)
            return EFI_VOLUME_CORRUPTED;
        at += len;
        for (; size >= SHOWN_FROM && dots < at * PROGRESS_DOTS / size; dots++)
            console_write(".", 1);
    }
    return EFI_SUCCESS;
}

err_t file_load(const char *path, u64 max, enum boot_mem_type type, void **data, u64 *size)
{
    char name[FULL_PATH_MAX];
    EFI_FILE_HANDLE file;

    full_path(path, name);
    TRY(open_file(name, max, &file, size));
    if (memory_alloc(*size, PAGE_SIZE, type, data) != OK) {
        file->Close(file);
        return refuse(E_NOMEM, "%s: no memory for its %llu KiB", name, *size / KiB);
    }
    say("  %s, %llu KiB ", name, (*size + KiB - 1) / KiB);

    const EFI_STATUS status = read_all(file, *data, *size);

    file->Close(file);
    say("%s\n", status == EFI_SUCCESS ? " ok" : " failed");
    if (status != EFI_SUCCESS) {
        memory_free(*data);
        return failed(name, status);
    }
    memset((u8 *)*data + *size, 0, ALIGN_UP(*size, PAGE_SIZE) - *size);
    return OK;
}

/* ------------------------------------------------------------ writing */

static const char *why_not_written(EFI_STATUS status)
{
    switch (status) {
    case EFI_WRITE_PROTECTED:
    case EFI_ACCESS_DENIED:
    case EFI_UNSUPPORTED: return "the boot volume is read-only";
    case EFI_VOLUME_FULL: return "the boot volume is full";
    case EFI_NO_MEDIA:
    case EFI_MEDIA_CHANGED: return "the boot medium is gone";
    default: return "cannot be written; check the boot medium";
    }
}

static EFI_STATUS write_all(EFI_FILE_HANDLE file, const u8 *data, u64 size)
{
    u64 at = 0;

    while (at < size) {
        UINTN len = MIN(size - at, CHUNK);
        const EFI_STATUS status = file->Write(file, &len, (void *)(data + at));

        if (status != EFI_SUCCESS)
            return status;
        if (len == 0 || len > size - at)
            return EFI_VOLUME_FULL;
        at += len;
    }
    return file->Flush(file);
}

/* Does the file hold these bytes? */
static EFI_STATUS compare(EFI_FILE_HANDLE file, const u8 *data, u64 size)
{
    u8 piece[COMPARE_PIECE];
    u64 found;
    EFI_STATUS status = measure(file, &found);

    if (status != EFI_SUCCESS)
        return status;
    for (u64 at = 0; found == size && at < size;) {
        UINTN len = MIN(size - at, sizeof(piece));

        status = file->Read(file, &len, piece);
        if (status != EFI_SUCCESS)
            return status;
        if (len == 0 || memcmp(piece, data + at, len) != 0)
            return EFI_VOLUME_CORRUPTED;
        at += len;
    }
    return found == size ? EFI_SUCCESS : EFI_VOLUME_CORRUPTED;
}

static EFI_STATUS save_and_check(CHAR16 *name, const void *data, u64 size)
{
    EFI_FILE_HANDLE file;
    EFI_STATUS status = volume->Open(
        volume, &file, name, EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE | EFI_FILE_MODE_CREATE, 0);

    if (status != EFI_SUCCESS)
        return status;
    status = write_all(file, data, size);
    if (status != EFI_SUCCESS) {
        file->Delete(file); /* closes it, too */
        return status;
    }
    file->Close(file);
    status = volume->Open(volume, &file, name, EFI_FILE_MODE_READ, 0);
    if (status != EFI_SUCCESS)
        return status;
    status = compare(file, data, size);
    file->Close(file);
    return status;
}

err_t file_save_new(const char *path, const void *data, u64 size)
{
    char name[FULL_PATH_MAX];
    CHAR16 wide[FULL_PATH_MAX];
    EFI_FILE_HANDLE file;

    full_path(path, name);
    TRY(widen(name, wide));

    EFI_STATUS status = volume->Open(volume, &file, wide, EFI_FILE_MODE_READ, 0);

    if (status == EFI_SUCCESS) {
        file->Close(file);
        return E_EXIST;
    }
    if (status == EFI_NOT_FOUND)
        status = save_and_check(wide, data, size);
    if (status == EFI_SUCCESS)
        return OK;
    say("  %s: %s\n", name, why_not_written(status));
    return firmware_err(status) == OK ? E_IO : firmware_err(status);
}
