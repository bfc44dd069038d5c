/* Typed access to the current VMCS.  An access that fails is our own fault (no current VMCS, or a
 * field that this processor does not have): panic with the field's name.  SDM Vol. 3C, "VMX
 * Instruction Reference". */
#pragma once
#include "lib/types.h"
#include "vmx/vmcs_fields.h"

NORETURN void vmcs_access_failed(u64 encoding, bool write);
const char *vmcs_field_name(u64 encoding); /* "?" for an unknown one */

#ifdef HOST_TEST /* tools/unit/fake_cpu.c; the first one is of who tests vmx/dump.c */
bool vmcs_try_read(u64 encoding, u64 *value);
u64 vmread(u64 encoding);
void vmwrite(u64 encoding, u64 value);
#else
/* False: VMfail. */
static inline bool vmcs_try_read(u64 encoding, u64 *value)
{
    bool ok;

    __asm__ volatile("vmread %2, %0" : "=r"(*value), "=@cca"(ok) : "r"(encoding));
    return ok;
}

/* always_inline: the compiler takes it for longer than it is. */
static inline __attribute__((always_inline)) u64 vmread(u64 encoding)
{
    u64 value;

    if (unlikely(!vmcs_try_read(encoding, &value)))
        vmcs_access_failed(encoding, false);
    return value;
}

static inline void vmwrite(u64 encoding, u64 value)
{
    bool ok;

    __asm__ volatile("vmwrite %1, %2" : "=@cca"(ok) : "rm"(value), "r"(encoding));
    if (unlikely(!ok))
        vmcs_access_failed(encoding, true);
}
#endif

/* Without the check, for the way of every exit: fields that every processor has, read or written at
 * least once by a checked access since the VMCS became current. */
static inline u64 vmread_proven(u64 encoding)
{
    u64 value;

    __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(encoding) : "cc");
    return value;
}

static inline void vmread_proven_to(u64 encoding, u64 *value)
{
    __asm__ volatile("vmread %1, %0" : "=m"(*value) : "r"(encoding) : "cc");
}

static inline void vmwrite_proven(u64 encoding, u64 value)
{
#ifdef HOST_TEST
    vmwrite(encoding, value);
#else
    __asm__ volatile("vmwrite %0, %1" : : "rm"(value), "r"(encoding) : "cc");
#endif
}

#define VMCS_ACCESSORS(suffix, type, fields)                                                       \
    static inline type vmcs_r##suffix(enum fields field)                                           \
    {                                                                                              \
        return (type)vmread((u64)field);                                                           \
    }                                                                                              \
                                                                                                   \
    static inline void vmcs_w##suffix(enum fields field, type value)                               \
    {                                                                                              \
        vmwrite((u64)field, value);                                                                \
    }

VMCS_ACCESSORS(16, u16, vmcs16)
VMCS_ACCESSORS(32, u32, vmcs32)
VMCS_ACCESSORS(64, u64, vmcs64)
VMCS_ACCESSORS(n, u64, vmcsn)
#undef VMCS_ACCESSORS
