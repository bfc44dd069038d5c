/* The processor as it was before a guest's first change. */
#pragma once
#include "lib/types.h"

/* first.inc writes it. */
struct first_state {
    u32 eax, ebx, eflags, cr0, cr4;
    struct {
        u32 selector;
        u32 mark;          /* read through the segment */
        u32 rights, limit; /* as LAR and LSL say */
    } segments[6];         /* CS, DS, ES, FS, GS, SS */
};
extern const struct first_state first;
#define MARK 0x5e9bedu
