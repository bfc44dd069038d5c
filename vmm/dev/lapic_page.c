/* Local APIC with a virtual-APIC page; see lapic_page.h.  Pure. */
#include "vmm/dev/lapic_page.h"
#include "lib/mem.h"
#include "vmm/dev/lapic_registers.h"

#define WORDS  8u /* of a bitmap: 32 vectors each, 16 bytes apart */
#define STRIDE 4u

/* The highest vector of a bitmap; 0: none, since vectors below 16 are not accepted. */
static u32 highest(const lapic_page page, u32 bitmap)
{
    for (u32 word = WORDS; word-- > 0;) {
        const u32 bits = page[bitmap / 4 + word * STRIDE];

        if (bits)
            return word * 32 + 31 - (u32)__builtin_clz(bits);
    }
    return 0;
}

static u32 priority(const lapic_page page)
{
    const u32 tpr = page[REG_TPR / 4] & 0xff, in_service = highest(page, REG_ISR) & 0xf0;

    return (tpr & 0xf0) >= in_service ? tpr : in_service;
}

u16 lapic_page_candidate(const struct lapic *l, const lapic_page page)
{
    return lapic_candidate(l) == LAPIC_NO_CANDIDATE ? LAPIC_NO_CANDIDATE : (u16)priority(page);
}

void lapic_page_reset(lapic_page page)
{
    memset(page, 0, LAPIC_SIZE);
}

/* The highest vector so far. */
static inline u32 post_word(struct lapic *l, lapic_page page, u32 word, u32 top, u32 *count)
{
    const u64 bits = l->irr[word];

    if (likely(!bits))
        return top;
    l->irr[word] = 0;
    page[REG_IRR / 4 + 2 * word * STRIDE] |= (u32)bits;
    page[REG_IRR / 4 + (2 * word + 1) * STRIDE] |= (u32)(bits >> 32);
    for (u64 left = bits; left; left &= left - 1)
        ++*count;
    return word * 64 + 63 - (u32)__builtin_clzll(bits);
}

/* Four times the same: a loop costs more than what is in it. */
u32 lapic_page_post(struct lapic *l, lapic_page page, u32 *count)
{
    u32 top;

    *count = 0;
    top = post_word(l, page, 0, 0, count);
    top = post_word(l, page, 1, top, count);
    top = post_word(l, page, 2, top, count);
    return post_word(l, page, 3, top, count);
}

u16 lapic_page_status(const lapic_page page)
{
    return (u16)(highest(page, REG_IRR) | highest(page, REG_ISR) << 8);
}

u32 lapic_page_read(struct lapic *l, const lapic_page page, u32 offset, u64 now)
{
    if (!IS_ALIGNED(offset, 16))
        return 0;
    if (offset >= REG_ISR && offset < REG_TMR)
        return page[offset / 4];
    if (offset >= REG_IRR &&
        offset < REG_BITMAPS_END) /* what was not posted yet is requested, too */
        return page[offset / 4] | lapic_read(l, offset, now);
    switch (offset) {
    case REG_TPR: return page[offset / 4] & 0xff;
    case REG_PPR: return priority(page);
    case REG_ICR_LOW: return page[offset / 4] & ICR_WRITABLE;
    default: return lapic_read(l, offset, now);
    }
}

static void end_of_interrupt(struct lapic *l, lapic_page page)
{
    const u32 vector = highest(page, REG_ISR);

    if (!vector)
        return;
    page[REG_ISR / 4 + vector / 32 * STRIDE] &= ~BIT32(vector % 32);
    if (l->tmr[vector / 64] >> (vector % 64) & 1)
        l->eoi = (int)vector;
}

void lapic_page_write(struct lapic *l, lapic_page page, u32 offset, u32 value, u64 now)
{
    switch (offset) {
    case REG_TPR: page[offset / 4] = value & 0xff; return;
    case REG_EOI: end_of_interrupt(l, page); return;
    case REG_ICR_LOW: page[offset / 4] = value; break;
    default: break;
    }
    lapic_write(l, offset, value, now);
}

/* ---- MSRs ---- */

err_t lapic_page_write_base(struct lapic *l, lapic_page page, u64 value, u64 now)
{
    const enum lapic_mode before = lapic_mode(l);

    TRY(lapic_write_base(l, value, now));
    if (lapic_mode(l) == before)
        return OK;
    if (lapic_mode(l) == LAPIC_X2APIC) /* from now on ICR is not in the page */
        l->icr_low = page[REG_ICR_LOW / 4] & ICR_WRITABLE;
    else
        lapic_page_reset(page);
    return OK;
}

err_t lapic_page_msr_read(struct lapic *l, const lapic_page page, u32 msr, u64 *value, u64 now)
{
    u32 offset;

    TRY(lapic_msr_check_read(l, msr, &offset));
    if (offset == REG_ICR_LOW)
        return lapic_msr_read(l, msr, value, now);
    *value = lapic_page_read(l, page, offset, now);
    return OK;
}

err_t lapic_page_msr_write(struct lapic *l, lapic_page page, u32 msr, u64 value, u64 now)
{
    u32 offset;

    TRY(lapic_msr_check_write(l, msr, value, &offset));
    if (offset != REG_EOI && offset != REG_TPR)
        return lapic_msr_write(l, msr, value, now);
    lapic_page_write(l, page, offset, (u32)value, now);
    return OK;
}
