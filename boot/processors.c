/* See processors.h.  UEFI Platform Initialization Specification, Vol. 2, "MP Services Protocol". */
#include "boot/processors.h"
#include "boot/console.h"
#include "boot/firmware.h"

#define STATUS_ENABLED BIT32(1)
#define STATUS_HEALTHY BIT32(2)

/* EFI_PROCESSOR_INFORMATION; the room behind it is for what later versions tell. */
struct processor_information {
    u64 id; /* of the local APIC */
    u32 status;
    u32 location[3];
    u32 more[16];
};

struct mp_services {
    EFI_STATUS(EFIAPI *number_of_processors)(struct mp_services *mp, UINTN *all, UINTN *enabled);
    EFI_STATUS(EFIAPI *processor_info)
    (struct mp_services *mp, UINTN number, struct processor_information *info);
    /* what starts procedures on them follows */
};

static struct mp_services *find(void)
{
    static EFI_GUID guid = {
        0x3fdda605, 0xa76e, 0x4f46, {0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08}};
    void *mp;

    return fw.boot->LocateProtocol(&guid, NULL, &mp) == EFI_SUCCESS ? mp : NULL;
}

static void add(struct acpi_info *acpi, u64 id)
{
    if (acpi->cpu_count == ACPI_CPUS_MAX)
        acpi->cpus_left_out++;
    else
        acpi->cpu_apic_id[acpi->cpu_count++] = (u32)id;
}

static void list(struct acpi_info *acpi, struct mp_services *mp)
{
    struct processor_information info;
    UINTN all, enabled;

    if (mp->number_of_processors(mp, &all, &enabled) != EFI_SUCCESS)
        return;
    for (UINTN i = 0; i < all; i++) {
        info = (struct processor_information){0};
        if (mp->processor_info(mp, i, &info) == EFI_SUCCESS && (info.status & STATUS_ENABLED) &&
            (info.status & STATUS_HEALTHY))
            add(acpi, info.id);
    }
}

void processors_list(struct acpi_info *acpi)
{
    struct mp_services *const mp = find();

    if (acpi->cpu_count == 0 && mp)
        list(acpi, mp);
    if (acpi->cpu_count == 0)
        say("The firmware does not list its processors: one of them is used.\n");
}
