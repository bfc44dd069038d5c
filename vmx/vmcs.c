/* What is said when an access to the VMCS fails. */
#include "vmx/vmcs.h"
#include "arch/x86_64/panic.h"

void vmcs_access_failed(u64 encoding, bool write)
{
    panic("%s of VMCS field %s (0x%llx) failed", write ? "VMWRITE" : "VMREAD",
          vmcs_field_name(encoding), (unsigned long long)encoding);
}
