/* Task-state segments as they lie in memory, and the checks of the segments that a task switch
 * loads.  SDM Vol. 3A, "Task-State Segment (TSS)", "16-Bit Task-State Segment (TSS)", "Task
 * Switching", "Segment Descriptors".  Pure. */
#pragma once
#include "lib/types.h"

#define TSS_BYTES_MAX  104u /* the part that the processor looks at in a task switch */
#define TSS_TYPE_BUSY  2u   /* set in the type of a busy one */

#define SELECTOR_RPL   3u
#define SELECTOR_TI    4u /* in the LDT */
#define SELECTOR_INDEX 0xfff8u
#define SELECTOR_ERROR 0xfffcu /* of an error code that names a selector */

/* Access rights in the VMCS' format. */
#define SEGMENT_TYPE      0x0fu
#define SEGMENT_ACCESSED  0x01u
#define SEGMENT_S         0x10u /* code or data */
#define SEGMENT_P         0x80u
#define SEGMENT_DB        0x4000u
#define SEGMENT_G         0x8000u
#define SEGMENT_UNUSABLE  0x10000u
#define SEGMENT_DPL_SHIFT 5u

/* Where a TSS of 16 or of 32 bits has what: registers and segments follow each other, `word` bytes
 * each, in the processor's order. */
struct tss_layout {
    u8 word;
    u8 bytes; /* that the new task's must have ... */
    u8 saved; /* ... and the old one's */
    u8 eip;   /* EFLAGS, registers, segments and LDTR follow */
    u8 segments;
    bool has_cr3;
};

struct tss_state {
    u32 eip, eflags, cr3;
    u32 gpr[8];     /* by the processor's numbers */
    u16 segment[6]; /* ES, CS, SS, DS, FS, GS */
    u16 ldtr;
    bool debug_trap;
};

/* For the type of a system segment; NULL: it is not a TSS. */
const struct tss_layout *tss_layout(u32 type);
/* The state that a switch saves, into the image of a TSS; `saved` bytes are there. */
void tss_pack(const struct tss_layout *l, const struct tss_state *state, u8 *image);
/* Of `bytes` bytes.  16 bits: upper halves of registers are ones, FS and GS null. */
void tss_unpack(const struct tss_layout *l, const u8 *image, struct tss_state *state);

struct segment {
    u32 base, limit, rights;
};

struct segment segment_decode(u64 descriptor);

enum segment_use { SEGMENT_FOR_LDTR, SEGMENT_FOR_CODE, SEGMENT_FOR_STACK, SEGMENT_FOR_DATA };

/* Whether a task switch may load it; 0, or the exception's vector.  cpl: the new task's, which is
 * the RPL of its CS.  The selector is not null. */
u8 segment_check(enum segment_use use, u16 selector, u32 rights, u32 cpl);
/* Whether `size` bytes at `offset` are within a data segment. */
bool segment_holds(const struct segment *s, u32 offset, u32 size);
