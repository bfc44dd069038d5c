/* The firmware's framebuffer; see screen.h.
 * UEFI Specification, "EFI_GRAPHICS_OUTPUT_PROTOCOL". */
#include "boot/screen.h"
#include "boot/firmware.h"

/* More pixels than this are no more readable and slower to scroll. */
#define WIDTH_MAX  1920u
#define HEIGHT_MAX 1200u

static struct {
    EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
    u32 mode_found;
    bool mode_changed;
} screen;

static u32 format_of(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info)
{
    switch (info->PixelFormat) {
    case PixelRedGreenBlueReserved8BitPerColor: return BOOT_FB_RGBX;
    case PixelBlueGreenRedReserved8BitPerColor: return BOOT_FB_BGRX;
    default: return BOOT_FB_NONE;
    }
}

static EFI_GRAPHICS_OUTPUT_PROTOCOL *find_gop(void)
{
    EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
    void *gop = NULL;

    /* The console's own screen first: there may be others that nobody looks at. */
    if (fw.system->ConsoleOutHandle != NULL &&
        fw.boot->HandleProtocol(fw.system->ConsoleOutHandle, &guid, &gop) == EFI_SUCCESS)
        return gop;
    if (fw.boot->LocateProtocol(&guid, NULL, &gop) == EFI_SUCCESS)
        return gop;
    return NULL;
}

/* How much we like a mode; 0: not at all. */
static u64 mode_value(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info, u32 width, u32 height)
{
    const u64 pixels = (u64)info->HorizontalResolution * info->VerticalResolution;

    if (format_of(info) == BOOT_FB_NONE)
        return 0;
    if (info->HorizontalResolution == width && info->VerticalResolution == height)
        return UINT64_MAX;
    if (info->HorizontalResolution > WIDTH_MAX || info->VerticalResolution > HEIGHT_MAX)
        return 0;
    return pixels;
}

static bool set_usable_mode(EFI_GRAPHICS_OUTPUT_PROTOCOL *gop)
{
    const u32 width = gop->Mode->Info->HorizontalResolution;
    const u32 height = gop->Mode->Info->VerticalResolution;
    u64 best_value = 0;
    u32 best = 0;

    for (u32 mode = 0; mode < gop->Mode->MaxMode; mode++) {
        EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info;
        UINTN size;

        if (gop->QueryMode(gop, mode, &size, &info) != EFI_SUCCESS)
            continue;
        const u64 value = mode_value(info, width, height);

        fw.boot->FreePool(info);
        if (value > best_value) {
            best_value = value;
            best = mode;
        }
    }
    if (best_value == 0 || gop->SetMode(gop, best) != EFI_SUCCESS)
        return false;
    screen.mode_changed = true;
    return true;
}

err_t screen_open(struct boot_fb *fb)
{
    EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = find_gop();

    *fb = (struct boot_fb){.format = BOOT_FB_NONE};
    if (gop == NULL || gop->Mode == NULL || gop->Mode->Info == NULL)
        return E_NOTSUP;
    screen.gop = gop;
    screen.mode_found = gop->Mode->Mode;
    if (format_of(gop->Mode->Info) == BOOT_FB_NONE && !set_usable_mode(gop))
        return E_NOTSUP;

    const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info = gop->Mode->Info;

    *fb = (struct boot_fb){
        .base = gop->Mode->FrameBufferBase,
        .size = gop->Mode->FrameBufferSize,
        .width = info->HorizontalResolution,
        .height = info->VerticalResolution,
        .stride = info->PixelsPerScanLine,
        .format = format_of(info),
    };
    return OK;
}

void screen_restore(void)
{
    if (screen.mode_changed)
        screen.gop->SetMode(screen.gop, screen.mode_found);
    screen.mode_changed = false;
}
