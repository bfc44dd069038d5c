/* An I/O APIC with 24 pins and an EOI register.  It sends nothing itself: its messages to local
 * APICs wait until the owner takes them, which is before the next VM entry.
 * Intel 82093AA data sheet (290566), "Register Description"; EOI register: I/O controller hub
 * data sheets, "EOIR -- EOI Register".  Pure. */
#pragma once
#include "lib/types.h"
#include "pc.h"
#include "vmm/dev/apic_message.h"

#define IOAPIC_SIZE 0x1000u
#define IOAPIC_PINS 24u

struct ioapic {
    u32 id;                    /* bits 27:24 */
    u8 select;                 /* the register that the window shows */
    u64 redirect[IOAPIC_PINS]; /* entries, without their two status bits */
    /* One bit a pin: */
    u32 lines;      /* inputs that are high */
    u32 edges;      /* edges that were not sent yet */
    u32 remote_irr; /* level-triggered: sent, and no EOI since */
    u32 waiting;    /* has a message to send: ioapic_take() */
};

void ioapic_reset(struct ioapic *a); /* all pins masked; the inputs stay */

/* A 32-bit register at `offset`; what is not one reads as 0 and takes writes in silence. */
u32 ioapic_read(const struct ioapic *a, u32 offset);
void ioapic_write(struct ioapic *a, u32 offset, u32 value);

void ioapic_toggle(struct ioapic *a, unsigned pin);         /* inverts an input */
void ioapic_eoi(struct ioapic *a, u8 vector);               /* a local APIC's EOI broadcast */
bool ioapic_take(struct ioapic *a, struct apic_message *m); /* false: nothing is waiting */
