/* What goes over the bus to local APICs: an interrupt message of the I/O APIC, or an interprocessor
 * interrupt.  SDM Vol. 3A, "Interrupt Command Register (ICR)", "Message Address Register Format".
 */
#pragma once
#include "lib/types.h"

// clang-format off
enum apic_delivery {
    DELIVER_FIXED, DELIVER_LOWEST, DELIVER_SMI, DELIVER_NMI = 4, DELIVER_INIT, DELIVER_STARTUP,
    DELIVER_EXTINT,
};
enum apic_shorthand { APIC_TO_DESTINATION, APIC_TO_SELF, APIC_TO_ALL, APIC_TO_OTHERS };
// clang-format on

struct apic_message {
    u32 destination; /* 8 bits, or 32 if `wide` */
    u8 vector;
    u8 mode;      /* enum apic_delivery */
    u8 shorthand; /* enum apic_shorthand: other than the first, the destination means nothing */
    bool logical; /* the destination is a set, which local APICs compare with their LDR */
    bool level;   /* the EOI of the vector has to come back: ioapic_eoi() */
    bool wide;    /* of a local APIC in x2APIC mode */
};
