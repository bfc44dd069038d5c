/* drivers.efi: takes the machine from the firmware and starts the image of the driver tests on it;
 * bare/NAME.efi is the same with a test guest's image.
 * That is a flat image (include/abi/flat.h), which this program carries; it runs on the bare
 * machine, with all interrupts off, the firmware's page tables, and a command line that says where
 * it may take memory for DMA.  UEFI Specification, "Boot Services". */
#include "abi/flat.h"
#include "guest_tests/rt/cpu.h"
#include "lib/fmt.h"
#include "lib/mem.h"
#include <efi.h>

#define DMA_BYTES    (64 * MiB)
#define BELOW_4_GIB  0xffffffffull
#define MEASURE_US   50000u
#define US           1000000u
#define MAP_ROOM     (64 * KiB)
#define EXIT_TRIES   8u
#define CMDLINE_ROOM 128u

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

/* image.asm */
extern const u8 drivers_flat[], drivers_flat_end[];

static struct flat_start start = {.magic = FLAT_START_MAGIC};
static char cmdline[CMDLINE_ROOM];

static EFI_STATUS refuse(EFI_SYSTEM_TABLE *system, CHAR16 *why)
{
    system->ConOut->OutputString(system->ConOut, L"drivers.efi: ");
    system->ConOut->OutputString(system->ConOut, why);
    system->ConOut->OutputString(system->ConOut, L"\r\n");
    return EFI_UNSUPPORTED;
}

/* Nobody else has this memory when the firmware gives it, so the image can be put there at once. */
static bool place_image(EFI_BOOT_SERVICES *boot)
{
    const struct flat_header *header = (const struct flat_header *)(const void *)drivers_flat;
    const u64 len = (u64)(drivers_flat_end - drivers_flat);
    EFI_PHYSICAL_ADDRESS at = FLAT_LOAD_GPA;

    if (len < sizeof(*header) || header->magic != FLAT_MAGIC || header->image_size > len)
        return false;

    const u64 room = header->image_size + header->bss_size;

    if (boot->AllocatePages(AllocateAddress, EfiLoaderData, (room + PAGE_SIZE - 1) / PAGE_SIZE,
                            &at) != EFI_SUCCESS)
        return false;
    memcpy((void *)at, drivers_flat, header->image_size);
    memset((u8 *)at + header->image_size, 0, header->bss_size);
    return true;
}

static bool reserve_dma(EFI_BOOT_SERVICES *boot)
{
    EFI_PHYSICAL_ADDRESS at = BELOW_4_GIB;

    if (boot->AllocatePages(AllocateMaxAddress, EfiLoaderData, DMA_BYTES / PAGE_SIZE, &at) !=
        EFI_SUCCESS)
        return false;
    (void)fmt_buf(cmdline, sizeof(cmdline), "dma=%llu dma_bytes=%llu", (unsigned long long)at,
                  (unsigned long long)DMA_BYTES);
    start.cmdline_gpa = (u64)cmdline;
    return true;
}

static u64 tsc_hz(EFI_BOOT_SERVICES *boot)
{
    const u64 before = rdtsc();

    return boot->Stall(MEASURE_US) == EFI_SUCCESS ? (rdtsc() - before) * (US / MEASURE_US) : 0;
}

/* The map's key is stale when a timer's handler allocates between the two calls. */
static bool leave_firmware(EFI_HANDLE image, EFI_BOOT_SERVICES *boot)
{
    EFI_PHYSICAL_ADDRESS map = BELOW_4_GIB;

    if (boot->AllocatePages(AllocateMaxAddress, EfiLoaderData, MAP_ROOM / PAGE_SIZE, &map) !=
        EFI_SUCCESS)
        return false;
    for (u32 i = 0; i < EXIT_TRIES; i++) {
        UINTN len = MAP_ROOM, key, descriptor_len;
        UINT32 version;

        if (boot->GetMemoryMap(&len, (EFI_MEMORY_DESCRIPTOR *)map, &key, &descriptor_len,
                               &version) != EFI_SUCCESS)
            return false;
        if (boot->ExitBootServices(image, key) == EFI_SUCCESS)
            return true;
    }
    return false;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    EFI_BOOT_SERVICES *boot = system->BootServices;
    const struct flat_header *header = (const struct flat_header *)FLAT_LOAD_GPA;

    start.memory = DMA_BYTES;
    start.tsc_hz = tsc_hz(boot);
    if (start.tsc_hz == 0)
        return refuse(system, L"the firmware's clock does not run");
    if (!place_image(boot))
        return refuse(system, L"the image does not fit at 2 MiB; this firmware holds that memory");
    if (!reserve_dma(boot))
        return refuse(system, L"no 64 MiB of memory below 4 GiB; give the machine more");
    if (!leave_firmware(image, boot))
        return refuse(system, L"the firmware does not let go of the machine");
    cpu_cli();
    ((void (*)(const struct flat_start *))(FLAT_LOAD_GPA + header->entry))(&start);
    for (;;) /* the image does not return */
        cpu_sti_hlt();
}
