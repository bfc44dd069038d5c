/* The two 8259A interrupt controllers of a PC, cascaded on IR2, with the edge/level
 * control registers.  Intel 8259A data sheet (231468); ELCR: 82371AB data sheet,
 * "Edge/Level Control Registers".  Pure. */
#pragma once
#include "lib/types.h"

struct pic {
    u8 irr;     /* requests; of the master without bit 2, which is the slave's output */
    u8 isr;     /* in service */
    u8 imr;     /* masked */
    u8 lines;   /* the IR inputs */
    u8 elcr;    /* 1: level-triggered */
    u8 base;    /* vector of IR0 */
    u8 highest; /* the IR of highest priority: 0 unless rotated */
    u8 init;    /* the next ICW expected at the odd port: 2, 3, 4; 0: none */
    bool ltim;  /* ICW1: every input level-triggered */
    bool single, icw4;
    bool auto_eoi, rotate_auto_eoi;
    bool special_mask, special_nested;
    bool read_isr, poll;
};

struct pic_pair {
    struct pic chip[2]; /* master, slave */
    bool slave_int;     /* the slave's INT output, the master's IR2 */
    bool intr;          /* the master's INT output: the processor has an interrupt to take */
};

void pic_reset(struct pic_pair *p);

/* port: 0x20, 0x21, 0xa0, 0xa1 and 0x4d0, 0x4d1 (ELCR). */
u8 pic_read(struct pic_pair *p, u16 port);
void pic_write(struct pic_pair *p, u16 port, u8 value);

/* Inverts an input, line 0..15 (2 is the cascade and is ignored). A request lasts only
 * as long as its line is high, also in edge mode, as in the data sheet. */
void pic_toggle(struct pic_pair *p, unsigned line);

/* The level of an input. */
static inline bool pic_line(const struct pic_pair *p, unsigned line)
{
    return p->chip[line >> 3 & 1].lines >> (line & 7) & 1;
}

/* The INTA cycles: the vector of the highest request, which moves from IRR to ISR;
 * the vector of IR7 (nothing moves) if the request is gone. */
u8 pic_ack(struct pic_pair *p);
