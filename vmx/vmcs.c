/* What is said when an access to the VMCS fails. */
#include "vmx/vmcs.h"
#include "arch/x86_64/panic.h"

const char *vmcs_field_name(u64 encoding)
{
    static const struct {
        u16 encoding;
        const char *name;
    } names[] = {
#define VMCS_ALL(encoding, name) {(encoding), #name},
#include "vmx/vmcs_fields.def"
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].encoding == encoding)
            return names[i].name;
    return "?";
}

void vmcs_access_failed(u64 encoding, bool write)
{
    panic("%s of VMCS field %s (0x%llx) failed", write ? "VMWRITE" : "VMREAD",
          vmcs_field_name(encoding), (unsigned long long)encoding);
}
