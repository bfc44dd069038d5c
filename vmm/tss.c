/* See tss.h. */
#include "vmm/tss.h"
#include "arch/x86_64/cr.h"
#include "lib/mem.h"

#define CR3_OFFSET      28u
#define TRAP_OFFSET     100u
#define GPRS            8u

#define TYPE_WRITABLE   0x2u /* of data; of code: readable */
#define TYPE_DOWN       0x4u /* of data: expands down; of code: conforming */
#define TYPE_CONFORMING 0x4u
#define TYPE_CODE       0x8u
#define TYPE_LDT        0x2u

static const struct tss_layout layout16 = {
    .word = 2, .bytes = 44, .saved = 42, .eip = 14, .segments = 4};
static const struct tss_layout layout32 = {
    .word = 4, .bytes = 104, .saved = 96, .eip = 32, .segments = 6, .has_cr3 = true};

const struct tss_layout *tss_layout(u32 type)
{
    switch (type & ~TSS_TYPE_BUSY) {
    case 1: return &layout16;
    case 9: return &layout32;
    default: return NULL;
    }
}

static void put(u8 *at, u32 value, u32 bytes)
{
    memcpy(at, &value, bytes);
}

static u32 get(const u8 *at, u32 bytes)
{
    u32 value = 0;

    memcpy(&value, at, bytes);
    return value;
}

static u32 offset_of_segment(const struct tss_layout *l, u32 n)
{
    return l->eip + (2 + GPRS + n) * l->word;
}

void tss_pack(const struct tss_layout *l, const struct tss_state *state, u8 *image)
{
    put(image + l->eip, state->eip, l->word);
    put(image + l->eip + l->word, state->eflags, l->word);
    for (u32 i = 0; i < GPRS; i++)
        put(image + l->eip + (2 + i) * l->word, state->gpr[i], l->word);
    for (u32 i = 0; i < l->segments; i++) /* what is above 16 bits is reserved */
        put(image + offset_of_segment(l, i), state->segment[i], sizeof(u16));
}

void tss_unpack(const struct tss_layout *l, const u8 *image, struct tss_state *state)
{
    const u32 upper = l->word == 2 ? 0xffff0000u : 0;

    *state = (struct tss_state){
        .eip = get(image + l->eip, l->word),
        .eflags = get(image + l->eip + l->word, l->word),
        .ldtr = (u16)get(image + offset_of_segment(l, l->segments), sizeof(u16)),
        .cr3 = l->has_cr3 ? get(image + CR3_OFFSET, sizeof(u32)) : 0,
        .debug_trap = l->has_cr3 && (image[TRAP_OFFSET] & 1),
    };
    for (u32 i = 0; i < GPRS; i++)
        state->gpr[i] = upper | get(image + l->eip + (2 + i) * l->word, l->word);
    for (u32 i = 0; i < l->segments; i++)
        state->segment[i] = (u16)get(image + offset_of_segment(l, i), sizeof(u16));
}

struct segment segment_decode(u64 descriptor)
{
    struct segment s = {
        .base = (u32)(descriptor >> 16 & 0xffffff) | (u32)(descriptor >> 56) << 24,
        .limit = (u32)(descriptor & 0xffff) | (u32)(descriptor >> 32 & 0xf0000),
        .rights = (u32)(descriptor >> 40) & 0xf0ff,
    };

    if (s.rights & SEGMENT_G)
        s.limit = s.limit << 12 | 0xfff;
    return s;
}

static u8 check_ldt(u32 rights)
{
    const bool good = (rights & (SEGMENT_S | SEGMENT_TYPE)) == TYPE_LDT;

    return good && (rights & SEGMENT_P) ? 0 : VEC_TS;
}

static u8 check_code(u32 rpl, u32 rights, u32 dpl)
{
    if (!(rights & SEGMENT_S) || !(rights & TYPE_CODE))
        return VEC_TS;
    if (rights & TYPE_CONFORMING ? dpl > rpl : dpl != rpl)
        return VEC_TS;
    return rights & SEGMENT_P ? 0 : VEC_NP;
}

static u8 check_stack(u32 rpl, u32 rights, u32 dpl, u32 cpl)
{
    if (!(rights & SEGMENT_S) || (rights & TYPE_CODE) || !(rights & TYPE_WRITABLE))
        return VEC_TS;
    if (!(rights & SEGMENT_P))
        return VEC_SS;
    return dpl == cpl && dpl == rpl ? 0 : VEC_TS;
}

static u8 check_data(u32 rpl, u32 rights, u32 dpl, u32 cpl)
{
    const bool code = rights & TYPE_CODE;

    if (!(rights & SEGMENT_S) || (code && !(rights & TYPE_WRITABLE)))
        return VEC_TS;
    if (!(code && (rights & TYPE_CONFORMING)) && (rpl > dpl || cpl > dpl))
        return VEC_TS;
    return rights & SEGMENT_P ? 0 : VEC_NP;
}

u8 segment_check(enum segment_use use, u16 selector, u32 rights, u32 cpl)
{
    const u32 rpl = selector & SELECTOR_RPL, dpl = rights >> SEGMENT_DPL_SHIFT & 3;

    switch (use) {
    case SEGMENT_FOR_LDTR: return check_ldt(rights);
    case SEGMENT_FOR_CODE: return check_code(rpl, rights, dpl);
    case SEGMENT_FOR_STACK: return check_stack(rpl, rights, dpl, cpl);
    case SEGMENT_FOR_DATA: return check_data(rpl, rights, dpl, cpl);
    }
    return VEC_TS;
}

bool segment_holds(const struct segment *s, u32 offset, u32 size)
{
    const u32 last = offset + size - 1, most = s->rights & SEGMENT_DB ? ~0u : 0xffff;

    if (s->rights & SEGMENT_UNUSABLE || last < offset)
        return false;
    if (!(s->rights & TYPE_CODE) && (s->rights & TYPE_DOWN))
        return offset > s->limit && last <= most;
    return last <= s->limit;
}
