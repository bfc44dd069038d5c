/* What a guest's memory and first processor begin with: the loader works it out (boot/plans.c),
 * hv.elf judges it (vmm/guest_plan.c) and applies it in each of the guest's lives (vmm/vm_image.c).
 */
#pragma once
#include "lib/types.h"

#define LOAD_SEGMENTS_MAX 56u
#define LOAD_REASON_MAX   160u

enum load_mode { LOAD_LONG_64, LOAD_PROTECTED_32 };

/* `len` bytes of `from`, then zeros up to `room`, which is at least 1.  Segments do not overlap. */
struct guest_segment {
    gpa_t to;
    hpa_t from; /* any, if len is 0 */
    u64 len, room;
};

struct guest_plan {
    u32 segments;
    u32 mode; /* enum load_mode */
    u64 rip, rsp, rax, rbx, rsi, rdi, cr3;
    gpa_t gdt; /* a GDT with flat segments lies there: 0x10 code, 0x18 data */
    u16 gdt_limit;
    char reason[LOAD_REASON_MAX]; /* why the loader refused the guest's image; "": it did not */
    struct guest_segment segment[LOAD_SEGMENTS_MAX];
};
