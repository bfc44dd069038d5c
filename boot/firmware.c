/* The firmware's tables and status codes; see firmware.h.
 * UEFI Specification, "EFI_CONFIGURATION_TABLE", "Status Codes". */
#include "boot/firmware.h"
#include "lib/mem.h"

struct firmware fw;

err_t firmware_err(EFI_STATUS status)
{
    switch (status) {
    case EFI_SUCCESS: return OK;
    case EFI_NOT_FOUND: return E_NOENT;
    case EFI_OUT_OF_RESOURCES: return E_NOMEM;
    case EFI_UNSUPPORTED: return E_NOTSUP;
    case EFI_ACCESS_DENIED:
    case EFI_SECURITY_VIOLATION: return E_PERM;
    case EFI_INVALID_PARAMETER: return E_INVAL;
    default: return E_IO;
    }
}

EFI_STATUS firmware_status(err_t err)
{
    switch (err) {
    case OK: return EFI_SUCCESS;
    case E_NOMEM: return EFI_OUT_OF_RESOURCES;
    case E_NOENT: return EFI_NOT_FOUND;
    case E_NOTSUP: return EFI_UNSUPPORTED;
    case E_PERM: return EFI_ACCESS_DENIED;
    case E_IO: return EFI_DEVICE_ERROR;
    case E_INVAL:
    case E_RANGE:
    case E_EXIST: break;
    }
    return EFI_LOAD_ERROR;
}

static u64 find_table(EFI_GUID guid)
{
    const EFI_CONFIGURATION_TABLE *table = fw.system->ConfigurationTable;

    for (UINTN i = 0; i < fw.system->NumberOfTableEntries; i++)
        if (memcmp(&table[i].VendorGuid, &guid, sizeof(guid)) == 0)
            return (u64)table[i].VendorTable;
    return 0;
}

u64 firmware_rsdp(void)
{
    const u64 rsdp = find_table((EFI_GUID)ACPI_20_TABLE_GUID);

    return rsdp ? rsdp : find_table((EFI_GUID)ACPI_TABLE_GUID);
}
