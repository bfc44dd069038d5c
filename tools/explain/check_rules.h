/* What the files of the VM-entry checker share.  Pure. */
#pragma once
#include "arch/x86_64/cr.h"
#include "tools/explain/check.h"

struct vmcs_rules {
    const struct vmcs_rule *rule;
    u32 count;
};

extern const struct vmcs_rules vmx_rules_controls, vmx_rules_host, vmx_rules_guest,
    vmx_rules_segments;

#define FIELD(i, name) ((i)->field[VMCS_IX_##name])

#define RULE(text, title, fn, argument, ...)                                                       \
    {                                                                                              \
        .name = (text), .section = (title), .ok = (fn), .arg = (argument),                         \
        .field_count = sizeof((const u8[]){__VA_ARGS__}), .field = {__VA_ARGS__},                  \
    }
#define IX(name) VMCS_IX_##name
#define RULES(table)                                                                               \
    {                                                                                              \
        (table), ARRAY_LEN(table)                                                                  \
    }

_Static_assert(VMCS_FIELDS <= 256, "a field index fits in a byte");

/* Controls as the processor sees them: a word that is not activated counts as 0. */
u64 check_word(const struct vmcs_image *i, enum vmx_word word);

static inline bool check_has(const struct vmcs_image *i, enum vmx_word word, u64 bit)
{
    return check_word(i, word) & bit;
}

static inline bool check_canonical(const struct vmcs_image *i, u64 address)
{
    const u32 shift = 64u - i->linear_bits;

    return (u64)((i64)(address << shift) >> shift) == address;
}

static inline bool check_phys(const struct vmcs_image *i, u64 address)
{
    return i->phys_bits >= 64 || !(address >> i->phys_bits);
}

static inline bool check_page(const struct vmcs_image *i, u64 address)
{
    return IS_ALIGNED(address, PAGE_SIZE) && check_phys(i, address);
}

/* Each byte of an IA32_PAT value names a memory type. */
static inline bool check_pat(u64 pat)
{
    for (u32 n = 0; n < 8; n++, pat >>= 8) {
        const u64 type = pat & 0xff;

        if (type > 7 || type == 2 || type == 3)
            return false;
    }
    return true;
}

/* Bits that VMX operation fixes. */
static inline bool check_fixed(u64 value, u64 fixed0, u64 fixed1)
{
    return (value & fixed0) == fixed0 && !(value & ~fixed1);
}

static inline bool guest_is_ia32e(const struct vmcs_image *i)
{
    return check_has(i, WORD_VMENTRY, VMENTRY_IA32E_MODE_GUEST);
}

static inline bool guest_is_v8086(const struct vmcs_image *i)
{
    return FIELD(i, GUEST_RFLAGS) & RFLAGS_VM;
}
