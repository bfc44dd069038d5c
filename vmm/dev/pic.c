/* 8259A pair; see pic.h.  Pure. */
#include "vmm/dev/pic.h"

#define CASCADE     2
#define CASCADE_BIT BIT32(CASCADE)

static const u8 elcr_writable[2] = {0xf8, 0xde}; /* IRQ 0, 1, 2, 8 and 13 are edge-triggered */

static u8 rotate_right(u8 x, unsigned by)
{
    return (u8)(x >> by | x << (8 - by));
}

static u8 level_inputs(const struct pic *c)
{
    return c->ltim ? 0xff : c->elcr;
}

/* The request that INT is raised for, as an IR number; 8: none.  `irr` is given since
 * the master's holds the slave's INT too. */
static unsigned highest_request(const struct pic *c, u8 irr, bool master)
{
    if ((irr & ~c->imr) == 0 || c->init) /* between its ICWs a chip asks for nothing */
        return 8;
    u8 blocking = c->isr;
    if (c->special_mask)
        blocking = (u8)(blocking & ~c->imr);
    if (c->special_nested && master)
        blocking = (u8)(blocking & ~CASCADE_BIT);
    const u32 wanted = rotate_right((u8)(irr & ~c->imr), c->highest);
    const u32 served = rotate_right(blocking, c->highest);
    const u32 higher = (served & (0 - served)) - 1; /* all when nothing is in service */
    const u32 allowed = wanted & higher;
    if (allowed == 0)
        return 8;
    return ((unsigned)__builtin_ctz(allowed) + c->highest) & 7;
}

static u8 master_irr(const struct pic_pair *p)
{
    return (u8)(p->chip[0].irr | (p->slave_int && !p->chip[0].single ? CASCADE_BIT : 0));
}

static void update_master(struct pic_pair *p)
{
    p->intr = highest_request(&p->chip[0], master_irr(p), true) < 8;
}

static __attribute__((noinline)) void update_slave(struct pic_pair *p)
{
    p->slave_int = highest_request(&p->chip[1], p->chip[1].irr, false) < 8;
    update_master(p);
}

/* After a change of a chip: its INT output, and what hangs on that. */
static void update(struct pic_pair *p, const struct pic *changed)
{
    if (changed == &p->chip[1])
        update_slave(p);
    else
        update_master(p);
}

void pic_reset(struct pic_pair *p)
{
    for (unsigned i = 0; i < 2; i++) {
        const u8 lines = p->chip[i].lines;
        p->chip[i] = (struct pic){.lines = lines, .imr = 0xff};
    }
    p->slave_int = false;
    p->intr = false;
}

void pic_toggle(struct pic_pair *p, unsigned line)
{
    struct pic *c = &p->chip[line >> 3 & 1];
    const u8 bit = (u8)BIT32(line & 7);
    if (line == CASCADE)
        return;
    c->lines ^= bit;
    c->irr = (u8)((c->irr & ~bit) | (c->lines & bit)); /* up: an edge; down: no request left */
    update(p, c);
}

/* One chip's INTA: gives the IR number; 7 without moving anything if there is no request. */
static unsigned acknowledge(struct pic *c, unsigned ir)
{
    if (ir > 7)
        return 7;
    const u8 bit = (u8)BIT32(ir);
    c->irr = (u8)(c->irr & (~bit | (level_inputs(c) & c->lines)));
    if (!c->auto_eoi)
        c->isr |= bit;
    else if (c->rotate_auto_eoi)
        c->highest = (ir + 1) & 7;
    return ir;
}

u8 pic_ack(struct pic_pair *p)
{
    struct pic *master = &p->chip[0], *slave = &p->chip[1];
    const unsigned request = highest_request(master, master_irr(p), true);
    unsigned ir = acknowledge(master, request);
    u8 vector = (u8)(master->base | ir);
    if (request == CASCADE && !master->single) {
        ir = acknowledge(slave, highest_request(slave, slave->irr, false));
        vector = (u8)(slave->base | ir);
    }
    update(p, request == CASCADE ? slave : master);
    return vector;
}

static void end_of_interrupt(struct pic *c, u8 ocw2)
{
    const bool rotate = (ocw2 & 0x80) != 0, specific = (ocw2 & 0x40) != 0;
    unsigned ir = ocw2 & 7;
    if (!specific) {
        /* In special mask mode the masked levels are hidden from the non-specific EOI. */
        const u8 served = c->special_mask ? (u8)(c->isr & ~c->imr) : c->isr;
        if (served == 0)
            return;
        ir = ((unsigned)__builtin_ctz(rotate_right(served, c->highest)) + c->highest) & 7;
    }
    c->isr = (u8)(c->isr & ~BIT32(ir));
    if (rotate)
        c->highest = (ir + 1) & 7;
}

static void write_ocw2(struct pic *c, u8 value)
{
    switch (value >> 5) {
    case 0: c->rotate_auto_eoi = false; break;
    case 4: c->rotate_auto_eoi = true; break;
    case 6: c->highest = (value + 1) & 7; break; /* set priority: L is the lowest */
    case 2: break;                               /* no operation */
    default: end_of_interrupt(c, value); break;
    }
}

static void write_ocw3(struct pic *c, u8 value)
{
    if (value & 0x40)
        c->special_mask = (value & 0x20) != 0;
    if (value & 0x02)
        c->read_isr = (value & 0x01) != 0;
    c->poll = (value & 0x04) != 0;
}

static void write_icw1(struct pic *c, u8 value)
{
    const bool ltim = (value & 0x08) != 0;
    const u8 level = ltim ? 0xff : c->elcr;
    /* The edge detectors are cleared: an edge-triggered line must fall and rise again. */
    *c = (struct pic){.lines = c->lines,
                      .elcr = c->elcr,
                      .irr = (u8)(c->lines & level),
                      .ltim = ltim,
                      .single = (value & 0x02) != 0,
                      .icw4 = (value & 0x01) != 0,
                      .init = 2};
}

/* ICW2 to ICW4. */
static void write_odd(struct pic *c, u8 value)
{
    switch (c->init) {
    case 2:
        c->base = value & 0xf8;
        c->init = !c->single ? 3 : c->icw4 ? 4 : 0;
        break;
    case 3: /* where the slave is wired is not the program's to choose */
        c->init = c->icw4 ? 4 : 0;
        break;
    default:
        c->special_nested = (value & 0x10) != 0;
        c->auto_eoi = (value & 0x02) != 0;
        c->init = 0;
        break;
    }
}

static void write_elcr(struct pic *c, u8 value)
{
    c->elcr = value;
    c->irr |= (u8)(c->lines & value); /* a level-triggered input asks as long as it is high */
}

void pic_write(struct pic_pair *p, u16 port, u8 value)
{
    const unsigned slave = port >= 0x400 ? port & 1 : port >> 7;
    struct pic *c = &p->chip[slave];
    if (port >= 0x400)
        write_elcr(c, value & elcr_writable[slave]);
    else if (port & 1 && c->init == 0)
        c->imr = value;
    else if (port & 1)
        write_odd(c, value);
    else if (value & 0x10)
        write_icw1(c, value);
    else if (value & 0x08)
        write_ocw3(c, value);
    else
        write_ocw2(c, value);
    update(p, c);
}

static u8 poll(struct pic_pair *p, struct pic *c)
{
    const bool master = c == &p->chip[0];
    const unsigned request = highest_request(c, master ? master_irr(p) : c->irr, master);
    c->poll = false;
    if (request > 7)
        return 0x07;
    acknowledge(c, request);
    update(p, c);
    return (u8)(0x80 | request);
}

u8 pic_read(struct pic_pair *p, u16 port)
{
    if (port >= 0x400)
        return p->chip[port & 1].elcr;
    struct pic *c = &p->chip[port >> 7 & 1];
    if (c->poll)
        return poll(p, c);
    if (port & 1)
        return c->imr;
    if (c->read_isr)
        return c->isr;
    return port < 0x80 ? master_irr(p) : c->irr;
}
