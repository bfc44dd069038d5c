/* The registers of a local APIC, for the files that implement it: offsets in the xAPIC page, which
 * are 16 times the number of an x2APIC MSR less 0x800.  SDM Vol. 3A, "Local APIC Register Address
 * Map". */
#pragma once

// clang-format off
enum {
    REG_ID = 0x020, REG_VERSION = 0x030, REG_TPR = 0x080, REG_APR = 0x090, REG_PPR = 0x0a0,
    REG_EOI = 0x0b0, REG_RRD = 0x0c0, REG_LDR = 0x0d0, REG_DFR = 0x0e0, REG_SVR = 0x0f0,
    REG_ISR = 0x100, REG_TMR = 0x180, REG_IRR = 0x200, REG_BITMAPS_END = 0x280, REG_ESR = 0x280,
    REG_ICR_LOW = 0x300, REG_ICR_HIGH = 0x310, REG_LVT = 0x320, REG_LVT_LAST = 0x370,
    REG_INITIAL_COUNT = 0x380, REG_CURRENT_COUNT = 0x390, REG_DIVIDE = 0x3e0, REG_SELF_IPI = 0x3f0,
};
enum { ESR_SEND_ILLEGAL_VECTOR = 0x20, ESR_RECEIVED_ILLEGAL_VECTOR = 0x40, ESR_ILLEGAL_REGISTER = 0x80 };
// clang-format on

#define FIRST_VECTOR 16u
#define SVR_ENABLE   0x100u
#define ICR_WRITABLE 0xccfffu
