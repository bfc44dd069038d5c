/* The 8254 timer of a PC with port 0x61.  State is a function of time: nothing is
 * done per period, only at accesses and at the edges of OUT0 which make IRQ 0.
 * Intel 8254 data sheet (231164); port 0x61: 82371AB, "NMI Status and Control".  Pure. */
#pragma once
#include "lib/types.h"
#include "vmm/dev/clock.h"

#define PIT_HZ 1193182

struct pit_channel {
    u64 start;     /* PIT clock at which `count` was (or will be) loaded */
    u64 reload_at; /* modes 2 and 3: PIT clock at which `next` will be loaded */
    u64 held;      /* clocks counted when GATE went low (not modes 1, 5) */
    u32 count;     /* the count in use, 1..65536 (BCD: 1..10000); 0: none yet */
    u32 next;      /* modes 1, 2, 3, 5: written, loaded at the next trigger or reload; 0: none */
    u16 latch;     /* count held for the reader, as the bytes that he gets */
    u8 latch_left; /* bytes of it not yet read */
    u8 status;     /* held by the read-back command */
    bool status_latched;
    u8 control;      /* the control word's RW, M and BCD fields (bits 5:0) */
    u8 mode;         /* 0..5 */
    u8 low_byte;     /* first byte of a two-byte count */
    bool write_high; /* RW=3: the next byte written is the high one */
    bool read_high;
    bool gate;
    bool triggered; /* modes 1 and 5: a rising GATE started the count */
};

struct pit {
    struct clock clock;
    struct pit_channel channel[3];
    u64 next_edge; /* PIT clock of OUT0's next rising edge; CLOCK_NEVER: none */
    u64 deadline;  /* the TSC of it */
    bool out0;     /* OUT0 as of the last pit_write() or pit_tick() */
    bool risen;    /* OUT0 has risen since the owner cleared this */
    u8 port61;     /* bits 3:0 as written */
};

void pit_init(struct pit *p, u64 tsc_hz, u64 now);
void pit_reset(struct pit *p);

/* port: 0x40..0x43, 0x61. Only a write can change out0 and the deadline. */
u8 pit_read(struct pit *p, u16 port, u64 now);
void pit_write(struct pit *p, u16 port, u8 value, u64 now);

/* Brings out0, risen and deadline up to `now`. However many periods have passed, risen
 * tells of one (an edge-triggered input holds no more); the phase is kept. */
void pit_tick(struct pit *p, u64 now);
