/* VM-entry rules about the guest's segment and descriptor-table registers.  SDM Vol. 3C, "Checks on
 * Guest Segment Registers", "Checks on Guest Descriptor-Table Registers".  Pure. */
#include "tools/explain/check_rules.h"

#define SEGMENTS              "Checks on Guest Segment Registers"
#define TABLES                "Checks on Guest Descriptor-Table Registers"

#define AR_TYPE               0xfull
#define AR_CODE               BIT(3) /* in a type: code, not data */
#define AR_READABLE           BIT(1) /* in the type of code */
#define AR_ACCESSED           BIT(0)
#define AR_S                  BIT(4)
#define AR_P                  BIT(7)
#define AR_L                  BIT(13)
#define AR_DB                 BIT(14)
#define AR_G                  BIT(15)
#define AR_UNUSABLE           BIT(16)
#define AR_RESERVED           0xfffe0f00ull
#define AR_V8086              0xf3ull

#define DATA_RW_ACCESSED      3
#define DATA_RW_DOWN_ACCESSED 7
#define CODE_ACCESSED         9
#define SYSTEM_LDT            2
#define SYSTEM_BUSY_TSS16     3
#define SYSTEM_BUSY_TSS       11

/* The processor's order, which is also that of the fields. */
enum segment { ES, CS, SS, DS, FS, GS, LDTR, TR };
_Static_assert(IX(GUEST_TR_SEL) - IX(GUEST_ES_SEL) == TR &&
                   IX(GUEST_TR_BASE) - IX(GUEST_ES_BASE) == TR &&
                   IX(GUEST_TR_LIMIT) - IX(GUEST_ES_LIMIT) == TR &&
                   IX(GUEST_TR_AR) - IX(GUEST_ES_AR) == TR,
               "eight registers in a row");

static u64 sel(const struct vmcs_image *i, u32 s)
{
    return i->field[IX(GUEST_ES_SEL) + s];
}

static u64 base(const struct vmcs_image *i, u32 s)
{
    return i->field[IX(GUEST_ES_BASE) + s];
}

static u64 limit(const struct vmcs_image *i, u32 s)
{
    return i->field[IX(GUEST_ES_LIMIT) + s];
}

static u64 ar(const struct vmcs_image *i, u32 s)
{
    return i->field[IX(GUEST_ES_AR) + s];
}

static u64 type(const struct vmcs_image *i, u32 s)
{
    return ar(i, s) & AR_TYPE;
}

static u64 dpl(const struct vmcs_image *i, u32 s)
{
    return ar(i, s) >> 5 & 3;
}

static bool unrestricted(const struct vmcs_image *i)
{
    return check_has(i, WORD_CPU2, CPU2_UNRESTRICTED_GUEST);
}

/* CS and TR count as usable whatever bit 16 says. */
static bool usable(const struct vmcs_image *i, u32 s)
{
    return s == CS || s == TR || !(ar(i, s) & AR_UNUSABLE);
}

/* The rules about access rights outside of virtual-8086 mode. */
static bool has_rights(const struct vmcs_image *i, u32 s)
{
    return usable(i, s) && (s >= LDTR || !guest_is_v8086(i));
}

static bool table_indicator(const struct vmcs_image *i, u32 s)
{
    return !usable(i, s) || !(sel(i, s) & 4);
}

static bool ss_rpl(const struct vmcs_image *i, u32 s)
{
    return guest_is_v8086(i) || unrestricted(i) || (sel(i, s) & 3) == (sel(i, CS) & 3);
}

static bool v8086_base(const struct vmcs_image *i, u32 s)
{
    return !guest_is_v8086(i) || base(i, s) == sel(i, s) << 4;
}

static bool v8086_limit(const struct vmcs_image *i, u32 s)
{
    return !guest_is_v8086(i) || limit(i, s) == 0xffff;
}

static bool v8086_rights(const struct vmcs_image *i, u32 s)
{
    return !guest_is_v8086(i) || ar(i, s) == AR_V8086;
}

static bool base_canonical(const struct vmcs_image *i, u32 s)
{
    return (s == LDTR && !usable(i, s)) || check_canonical(i, base(i, s));
}

static bool base_32(const struct vmcs_image *i, u32 s)
{
    return !usable(i, s) || !(base(i, s) >> 32);
}

static bool cs_type(const struct vmcs_image *i, u32 s)
{
    const u64 t = type(i, s);

    return guest_is_v8086(i) || (t & CODE_ACCESSED) == CODE_ACCESSED ||
           (t == DATA_RW_ACCESSED && unrestricted(i));
}

static bool ss_type(const struct vmcs_image *i, u32 s)
{
    return !has_rights(i, s) || type(i, s) == DATA_RW_ACCESSED ||
           type(i, s) == DATA_RW_DOWN_ACCESSED;
}

static bool data_type(const struct vmcs_image *i, u32 s)
{
    const u64 t = type(i, s);

    return !has_rights(i, s) || ((t & AR_ACCESSED) && (!(t & AR_CODE) || (t & AR_READABLE)));
}

static bool code_or_data(const struct vmcs_image *i, u32 s)
{
    return !has_rights(i, s) || (ar(i, s) & AR_S);
}

static bool cs_dpl(const struct vmcs_image *i, u32 s)
{
    if (guest_is_v8086(i))
        return true;
    switch (type(i, s)) {
    case 3: return dpl(i, s) == 0;
    case 9:
    case 11: return dpl(i, s) == dpl(i, SS);
    case 13:
    case 15: return dpl(i, s) <= dpl(i, SS);
    default: return true; /* the type is wrong already */
    }
}

static bool ss_dpl_is_rpl(const struct vmcs_image *i, u32 s)
{
    return guest_is_v8086(i) || unrestricted(i) || dpl(i, s) == (sel(i, s) & 3);
}

static bool ss_dpl_is_0(const struct vmcs_image *i, u32 s)
{
    return guest_is_v8086(i) || dpl(i, s) == 0 ||
           (type(i, CS) != DATA_RW_ACCESSED && (FIELD(i, GUEST_CR0) & CR0_PE));
}

static bool data_dpl(const struct vmcs_image *i, u32 s)
{
    return !has_rights(i, s) || unrestricted(i) || type(i, s) > 11 || dpl(i, s) >= (sel(i, s) & 3);
}

static bool present(const struct vmcs_image *i, u32 s)
{
    return !has_rights(i, s) || (ar(i, s) & AR_P);
}

static bool rights_reserved(const struct vmcs_image *i, u32 s)
{
    return !has_rights(i, s) || !(ar(i, s) & AR_RESERVED);
}

static bool cs_default_size(const struct vmcs_image *i, u32 s)
{
    return guest_is_v8086(i) || !guest_is_ia32e(i) || !(ar(i, s) & AR_L) || !(ar(i, s) & AR_DB);
}

static bool granularity(const struct vmcs_image *i, u32 s)
{
    const bool g = ar(i, s) & AR_G;

    return !has_rights(i, s) ||
           ((g || !(limit(i, s) & 0xfff00000)) && (!g || (limit(i, s) & 0xfff) == 0xfff));
}

static bool tr_type(const struct vmcs_image *i, u32 s)
{
    return type(i, s) == SYSTEM_BUSY_TSS || (type(i, s) == SYSTEM_BUSY_TSS16 && !guest_is_ia32e(i));
}

static bool ldtr_type(const struct vmcs_image *i, u32 s)
{
    return !usable(i, s) || type(i, s) == SYSTEM_LDT;
}

static bool system(const struct vmcs_image *i, u32 s)
{
    return !usable(i, s) || !(ar(i, s) & AR_S);
}

static bool tr_usable(const struct vmcs_image *i, u32 s)
{
    return !(ar(i, s) & AR_UNUSABLE);
}

static bool table_base(const struct vmcs_image *i, u32 index)
{
    return check_canonical(i, i->field[index]);
}

static bool table_limit(const struct vmcs_image *i, u32 index)
{
    return i->field[index] <= 0xffff;
}

// clang-format off
/* One row for a register: what it is about, and the fields to show. */
#define SEG(s, text, fn, ...) RULE("guest " #s " " text, SEGMENTS, fn, s, __VA_ARGS__)
#define CODE_AND_DATA(s) \
    SEG(s, "base in virtual-8086 mode", v8086_base, IX(GUEST_##s##_BASE), IX(GUEST_##s##_SEL)), \
    SEG(s, "limit in virtual-8086 mode", v8086_limit, IX(GUEST_##s##_LIMIT)), \
    SEG(s, "access rights in virtual-8086 mode", v8086_rights, IX(GUEST_##s##_AR)), \
    SEG(s, "S flag", code_or_data, IX(GUEST_##s##_AR)), \
    SEG(s, "is present", present, IX(GUEST_##s##_AR)), \
    SEG(s, "reserved access rights", rights_reserved, IX(GUEST_##s##_AR)), \
    SEG(s, "granularity and limit", granularity, IX(GUEST_##s##_AR), IX(GUEST_##s##_LIMIT))
#define DATA(s) \
    SEG(s, "type", data_type, IX(GUEST_##s##_AR)), \
    SEG(s, "DPL", data_dpl, IX(GUEST_##s##_AR), IX(GUEST_##s##_SEL))
#define SYSTEM(s) \
    SEG(s, "selector is in the GDT", table_indicator, IX(GUEST_##s##_SEL)), \
    SEG(s, "base canonical", base_canonical, IX(GUEST_##s##_BASE)), \
    SEG(s, "S flag", system, IX(GUEST_##s##_AR)), \
    SEG(s, "is present", present, IX(GUEST_##s##_AR)), \
    SEG(s, "reserved access rights", rights_reserved, IX(GUEST_##s##_AR)), \
    SEG(s, "granularity and limit", granularity, IX(GUEST_##s##_AR), IX(GUEST_##s##_LIMIT))

static const struct vmcs_rule rules[] = {
    CODE_AND_DATA(ES), CODE_AND_DATA(CS), CODE_AND_DATA(SS),
    CODE_AND_DATA(DS), CODE_AND_DATA(FS), CODE_AND_DATA(GS),
    DATA(ES), DATA(DS), DATA(FS), DATA(GS),
    SYSTEM(LDTR), SYSTEM(TR),
    SEG(ES, "base below 4 GiB", base_32, IX(GUEST_ES_BASE)),
    SEG(CS, "base below 4 GiB", base_32, IX(GUEST_CS_BASE)),
    SEG(SS, "base below 4 GiB", base_32, IX(GUEST_SS_BASE)),
    SEG(DS, "base below 4 GiB", base_32, IX(GUEST_DS_BASE)),
    SEG(FS, "base canonical", base_canonical, IX(GUEST_FS_BASE)),
    SEG(GS, "base canonical", base_canonical, IX(GUEST_GS_BASE)),
    SEG(CS, "type", cs_type, IX(GUEST_CS_AR)),
    SEG(CS, "DPL", cs_dpl, IX(GUEST_CS_AR), IX(GUEST_SS_AR)),
    SEG(CS, "L and D/B", cs_default_size, IX(GUEST_CS_AR), IX(ENTRY_CONTROLS)),
    SEG(SS, "type", ss_type, IX(GUEST_SS_AR)),
    SEG(SS, "RPL is that of CS", ss_rpl, IX(GUEST_SS_SEL), IX(GUEST_CS_SEL)),
    SEG(SS, "DPL is its RPL", ss_dpl_is_rpl, IX(GUEST_SS_AR), IX(GUEST_SS_SEL)),
    SEG(SS, "DPL is 0", ss_dpl_is_0, IX(GUEST_SS_AR), IX(GUEST_CS_AR), IX(GUEST_CR0)),
    SEG(LDTR, "type", ldtr_type, IX(GUEST_LDTR_AR)),
    SEG(TR, "type", tr_type, IX(GUEST_TR_AR), IX(ENTRY_CONTROLS)),
    SEG(TR, "is usable", tr_usable, IX(GUEST_TR_AR)),
    RULE("guest GDTR base canonical", TABLES, table_base, IX(GUEST_GDTR_BASE), IX(GUEST_GDTR_BASE)),
    RULE("guest IDTR base canonical", TABLES, table_base, IX(GUEST_IDTR_BASE), IX(GUEST_IDTR_BASE)),
    RULE("guest GDTR limit", TABLES, table_limit, IX(GUEST_GDTR_LIMIT), IX(GUEST_GDTR_LIMIT)),
    RULE("guest IDTR limit", TABLES, table_limit, IX(GUEST_IDTR_LIMIT), IX(GUEST_IDTR_LIMIT)),
};
// clang-format on

const struct vmcs_rules vmx_rules_segments = RULES(rules);
