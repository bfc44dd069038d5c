/* The EPT pointer of a root table.  SDM Vol. 3C, "Extended-Page-Table Pointer (EPTP)". */
#pragma once
#include "vmx/vmx.h"

#define EPTP_WALK_4         (3ull << 3)
#define EPTP_ACCESSED_DIRTY BIT(6)

static inline u64 vmx_eptp(hpa_t root)
{
    const bool ad = vmx_cap_ept_vpid(&vmx_facts()->caps, EPT_VPID_ACCESSED_DIRTY);

    return root.v | MEMORY_TYPE_WB | EPTP_WALK_4 | (ad ? EPTP_ACCESSED_DIRTY : 0);
}
