/* A local APIC whose processor delivers interrupts to the guest by itself (virtual-interrupt
 * delivery): TPR, ISR, IRR and, in xAPIC mode, the low half of ICR lie in the virtual-APIC page,
 * where it changes them without a VM exit.  All else stays in struct lapic; new requests wait in
 * its IRR until they are posted.  SDM Vol. 3C, "APIC Virtualization and Virtual Interrupts".  Pure.
 */
#pragma once
#include "vmm/dev/lapic_msr.h"

/* A page of 32-bit registers at the offsets of the APIC's. */
typedef u32 lapic_page[LAPIC_SIZE / 4];
enum { LAPIC_PAGE_TPR = 0x80 / 4 };

void lapic_page_reset(lapic_page page);
/* Moves new requests into the page, *count of them: the highest vector, 0 if there is none. */
u32 lapic_page_post(struct lapic *l, lapic_page page, u32 *count);
/* "Guest Interrupt Status": RVI in bits 7:0, SVI in bits 15:8. */
u16 lapic_page_status(const lapic_page page);
/* Whether an interrupt is requested whose priority is above the processor's; status: the guest
 * interrupt status, which says without a look at the bitmaps what is highest in them. */
static inline bool lapic_page_pending(const lapic_page page, u16 status)
{
    const u32 requested = status & 0xf0, in_service = status >> 8 & 0xf0;

    return requested > in_service && requested > (page[LAPIC_PAGE_TPR] & 0xf0);
}

/* As lapic_read() and lapic_write(), for what the processor leaves to software.  A write may change
 * the guest interrupt status, too. */
u32 lapic_page_read(struct lapic *l, const lapic_page page, u32 offset, u64 now);
void lapic_page_write(struct lapic *l, lapic_page page, u32 offset, u32 value, u64 now);
/* As lapic_write_base(), lapic_msr_read() and lapic_msr_write(). */
err_t lapic_page_write_base(struct lapic *l, lapic_page page, u64 value, u64 now);
err_t lapic_page_msr_read(struct lapic *l, const lapic_page page, u32 msr, u64 *value, u64 now);
err_t lapic_page_msr_write(struct lapic *l, lapic_page page, u32 msr, u64 value, u64 now);
/* As lapic_candidate(). */
u16 lapic_page_candidate(const struct lapic *l, const lapic_page page);
