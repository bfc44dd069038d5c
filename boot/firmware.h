/* The firmware as seen from boot/: its tables, and the errors that it gives.  Everything in boot/
 * that is not marked Pure includes this.  UEFI Specification. */
#pragma once
#include "lib/types.h"
#include <efi.h>

struct firmware {
    EFI_HANDLE image;
    EFI_SYSTEM_TABLE *system;
    EFI_BOOT_SERVICES *boot; /* NULL once boot services are gone */
};

/* Filled by efi_main before anything else runs. */
extern struct firmware fw;

/* The firmware's status as one of our errors. */
err_t firmware_err(EFI_STATUS status);
/* Our error as what an application returns to the firmware. */
EFI_STATUS firmware_status(err_t err);

/* Physical address of the ACPI RSDP, the 2.0 one if there are both; 0: none. */
u64 firmware_rsdp(void);
