/* The MSR policy: every MSR that a guest can see, and how.  Pure. */
#pragma once
#include "lib/types.h"

enum msr_action {
    MSR_DENY,   /* #GP(0), counted and traced */
    MSR_PASS,   /* straight to the processor, no exit; switched by VMX or nobody else's */
    MSR_HELD,   /* a plain value per vCPU; writes may change the row's `writable` bits */
    MSR_CALL,   /* a model decides (vmm/msr_models.c) */
    MSR_APIC,   /* the local APIC decides (vmm/vcpu_irq.c) */
    MSR_IGNORE, /* writes are dropped */
};

#define MSR_HELD_MAX 48u

struct msr_row {
    u32 first, last;
    u8 read, write; /* enum msr_action */
    u8 other;       /* HELD: who judges a write that changes other bits: MSR_DENY, MSR_APIC */
    u8 slot;        /* HELD: of `first` in vcpu.msr_held; given by msr_policy_init() */
    u64 reset;      /* HELD: value after reset */
    u64 writable;   /* HELD: bits that a write may change */
    const char *name;
};

/* Gives the HELD rows their slots and builds the lookup tables. Once, before anything else. */
void msr_policy_init(void);
/* NULL: not in the table, hence denied, unless msr_find_beyond() knows it. Constant time. */
const struct msr_row *msr_find(u32 msr);
/* Of MSRs that the bitmap cannot name, which always exit: rows with CALL or DENY alone.  Apart,
 * since the others must not pay for it. */
const struct msr_row *msr_find_beyond(u32 msr);
/* The rows, for tests and documents: NULL after the last. */
const struct msr_row *msr_row(u32 index);
/* Fills the 4 KiB MSR bitmap: 1 = exit.  SDM Vol. 3C, "MSR-Bitmap Address". */
void msr_bitmap_build(u8 bitmap[4096]);
/* For a guest in x2APIC mode on a processor that delivers its interrupts: TPR, and writes of EOI
 * and SELF IPI, exit no more. */
void msr_bitmap_pass_x2apic(u8 bitmap[4096]);
/* For a virtual CPU that is to have none of the MSRs of vmm/vcpu_switch.h: they exit, and are
 * refused. */
void msr_bitmap_keep_switched(u8 bitmap[4096]);
/* Another value for a HELD MSR, by the model that judges its writes. */
void msr_held_set(u64 held[MSR_HELD_MAX], u32 msr, u64 value);
void msr_held_reset(u64 held[MSR_HELD_MAX]);
