/* The PC's interrupt controllers, timers and clock, as far as tests use them. */
#include "guest_tests/rt/guest.h"

#define PIT_CH0  0x40
#define PIT_CH2  0x42
#define PIT_CMD  0x43
#define SPEAKER  0x61
#define CMOS_ADR 0x70
#define CMOS_DAT 0x71

void pic_mask_all(void)
{
    outb(PIC1_DATA, 0xff);
    outb(PIC2_DATA, 0xff);
}

void pic_init(void)
{
    outb(PIC1_CMD, 0x11);
    outb(PIC2_CMD, 0x11);
    outb(PIC1_DATA, VEC_IRQ0);
    outb(PIC2_DATA, VEC_IRQ8);
    outb(PIC1_DATA, 0x04);
    outb(PIC2_DATA, 0x02);
    outb(PIC1_DATA, 0x01);
    outb(PIC2_DATA, 0x01);
    pic_mask_all();
}

void pic_unmask(u32 irq)
{
    if (irq >= 8) {
        outb(PIC2_DATA, (u8)(inb(PIC2_DATA) & ~BIT32(irq - 8)));
        irq = 2;
    }
    outb(PIC1_DATA, (u8)(inb(PIC1_DATA) & ~BIT32(irq)));
}

void pic_eoi(u32 irq)
{
    if (irq >= 8)
        outb(PIC2_CMD, 0x20);
    outb(PIC1_CMD, 0x20);
}

static void pit_load(u8 command, u16 port, u32 count)
{
    outb(PIT_CMD, command);
    outb(port, (u8)count);
    outb(port, (u8)(count >> 8));
}

void pit_periodic(u32 divisor)
{
    pit_load(0x34, PIT_CH0, divisor);
}

void pit_one_shot(u32 ticks)
{
    pit_load(0x30, PIT_CH0, ticks);
}

void pit_stop(void)
{
    outb(PIT_CMD, 0x30); /* mode 0 without a count: the output stays low */
}

void pit_wait(u32 ticks)
{
    outb(SPEAKER, (u8)((inb(SPEAKER) & ~2u) | 1u));
    pit_load(0xb0, PIT_CH2, ticks);
    while ((inb(SPEAKER) & 0x20) == 0)
        ;
}

u8 cmos_read(u8 index)
{
    outb(CMOS_ADR, index);
    return inb(CMOS_DAT);
}

void cmos_write(u8 index, u8 value)
{
    outb(CMOS_ADR, index);
    outb(CMOS_DAT, value);
}

bool wait_for(volatile u64 *counter, u64 at_least, u64 tsc_ticks)
{
    const u64 start = rdtsc();

    cpu_sti();
    while (*counter < at_least && rdtsc() - start < tsc_ticks)
        ;
    cpu_cli();
    return *counter >= at_least;
}

u64 tsc_ms(u64 ms)
{
    return machine.tsc_hz / 1000 * ms;
}
