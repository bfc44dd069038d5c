/* Invalidation of cached translations.  SDM Vol. 3C, "INVEPT" and "INVVPID" in "VMX Instruction
 * Reference"; "Operations that Invalidate Cached Mappings". */
#include "arch/x86_64/panic.h"
#include "vmx/eptp.h"
#include "vmx/vmx.h"

enum { INVEPT_SINGLE_CONTEXT = 1, INVEPT_ALL_CONTEXT = 2, INVVPID_SINGLE_CONTEXT = 1 };

struct invalidation {
    u64 word[2];
};

static void invept(u64 type, struct invalidation d)
{
    bool ok;

    __asm__ volatile("invept %1, %2" : "=@cca"(ok) : "m"(d), "r"(type) : "memory");
    if (!ok)
        panic("INVEPT type %llu failed", (unsigned long long)type);
}

void vmx_invept_single(hpa_t ept_root)
{
    invept(INVEPT_SINGLE_CONTEXT, (struct invalidation){{vmx_eptp(ept_root)}});
}

void vmx_invept_all(void)
{
    invept(INVEPT_ALL_CONTEXT, (struct invalidation){{0}});
}

void vmx_invvpid_single(u16 vpid)
{
    const struct invalidation d = {{vpid}};
    bool ok;

    __asm__ volatile("invvpid %1, %2"
                     : "=@cca"(ok)
                     : "m"(d), "r"((u64)INVVPID_SINGLE_CONTEXT)
                     : "memory");
    if (!ok)
        panic("INVVPID of %u failed", vpid);
}
