/* Which fault a task switch without paging makes, read off the manual's table.  SDM Vol. 3A, table
 * "Exception Conditions Checked During a Task Switch". */
#pragma once
#include "tools/unit/task_guest.h"

/* The manual's table for one selector, without paging: 0, or vector << 16 | error code. */
static u32 dumb_load(u16 selector, u32 use, u32 cpl)
{
    const u32 dpl_of = 45, rpl = selector & 3;
    u64 d;

    if ((selector & 0xfffc) == 0)
        return use == 's' || use == 'c' ? VEC_TS << 16 : 0;
    if (selector & 4) {
        const bool own = (new_tss()[T_LDT] & 0xfffc) == S_LDT; /* or S_ODD, from 0 on */

        if (use == 'l' || (new_tss()[T_LDT] & 0xfffc) == 0 || (own && (selector | 7) >= LDT_BYTES))
            return VEC_TS << 16 | (selector & 0xfffcu);
        memcpy(&d, ram((own ? LDT_AT : 0) + (selector & ~7u)), 8);
    } else {
        if ((selector | 7u) >= GDT_BYTES)
            return VEC_TS << 16 | (selector & 0xfffcu);
        d = *gdt_entry(selector);
    }
    const u32 dpl = d >> dpl_of & 3, type = d >> 40 & 31;
    const bool present = d >> 47 & 1, conforming = (type & 0x1c) == 0x1c;
    bool good;

    switch (use) {
    case 'l': good = type == 2 && present; break;
    case 's': good = (type & 0x1a) == 0x12 && (!present || (dpl == cpl && rpl == cpl)); break;
    case 'c': good = (type & 0x18) == 0x18 && (conforming ? dpl <= rpl : dpl == rpl); break;
    default: good = type >= 0x10 && (type & 0xa) != 8 && (conforming || (dpl >= cpl && dpl >= rpl));
    }
    if (!good)
        return VEC_TS << 16 | (selector & 0xfffcu);
    return present ? 0 : (use == 's' ? VEC_SS : VEC_NP) << 16 | (selector & 0xfffcu);
}

static u32 dumb_switch(void)
{
    static const u8 order[] = {T_DS, T_ES, T_FS, T_GS};
    const u32 *tss = new_tss(), cpl = tss[T_CS] & 3;
    u32 fault = dumb_load((u16)tss[T_LDT], 'l', 0);

    if (!fault && (tss[T_EFLAGS] & RFLAGS_VM))
        return 0;
    if (!fault)
        fault = dumb_load((u16)tss[T_SS], 's', cpl);
    if (!fault)
        fault = dumb_load((u16)tss[T_CS], 'c', cpl);
    for (u32 i = 0; i < 4 && !fault; i++)
        fault = dumb_load((u16)tss[order[i]], 'd', cpl);
    return fault;
}
