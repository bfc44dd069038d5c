/* See pic.h.  8259A data sheet, "Initialization Command Words". */
#include "boot/pic.h"
#include "arch/x86_64/insn.h"

#define PIC1_COMMAND       0x20u
#define PIC1_DATA          0x21u
#define PIC2_COMMAND       0xa0u
#define PIC2_DATA          0xa1u
#define PIC_ICW1_INIT_ICW4 0x11u
#define PIC_ICW4_8086      0x01u
#define PIC_CASCADE_LINE   2u
#define PIC_VECTOR         0xf0u /* away from exceptions, should a spurious IRQ 7 or 15 come */

void pic_mask(void)
{
    outb(PIC1_COMMAND, PIC_ICW1_INIT_ICW4);
    outb(PIC2_COMMAND, PIC_ICW1_INIT_ICW4);
    outb(PIC1_DATA, PIC_VECTOR);
    outb(PIC2_DATA, PIC_VECTOR + 8);
    outb(PIC1_DATA, BIT32(PIC_CASCADE_LINE));
    outb(PIC2_DATA, PIC_CASCADE_LINE);
    outb(PIC1_DATA, PIC_ICW4_8086);
    outb(PIC2_DATA, PIC_ICW4_8086);
    outb(PIC1_DATA, 0xff);
    outb(PIC2_DATA, 0xff);
}
