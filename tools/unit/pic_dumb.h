/* A second, dumb model of the 8259A pair, with one int for every bit: slow, long, and easy to
 * compare with the data sheet. */
#pragma once
#include "lib/types.h"
#include <string.h>

struct dumb {
    int irr[8], isr[8], imr[8], line[8], level[8];
    int lowest, special, auto_eoi, rotate_auto;
};

static inline int dumb_order(const struct dumb *d, int ir) /* 0: highest */
{
    return (ir - d->lowest - 1 + 16) % 8;
}

static inline int dumb_request(const struct dumb *d, const int irr[8])
{
    int best = -1;
    for (int i = 0; i < 8; i++)
        if (irr[i] && !d->imr[i] && (best < 0 || dumb_order(d, i) < dumb_order(d, best)))
            best = i;
    for (int i = 0; i < 8 && best >= 0; i++) {
        const int blocks = d->isr[i] && !(d->special && d->imr[i]);
        if (blocks && dumb_order(d, i) <= dumb_order(d, best))
            best = -1;
    }
    return best;
}

static inline int dumb_master(const struct dumb d[2])
{
    int irr[8];
    memcpy(irr, d[0].irr, sizeof(irr));
    irr[2] = dumb_request(&d[1], d[1].irr) >= 0;
    return dumb_request(&d[0], irr);
}

static inline void dumb_take(struct dumb *d, int ir)
{
    d->irr[ir] = d->level[ir] && d->line[ir];
    if (!d->auto_eoi)
        d->isr[ir] = 1;
    else if (d->rotate_auto)
        d->lowest = ir;
}

static inline int dumb_ack(struct dumb d[2])
{
    const int ir = dumb_master(d);
    if (ir < 0)
        return 0x37;
    if (ir != 2) {
        dumb_take(&d[0], ir);
        return 0x30 + ir;
    }
    const int slave = dumb_request(&d[1], d[1].irr);
    dumb_take(&d[0], 2);
    dumb_take(&d[1], slave);
    return 0x38 + slave;
}

static inline void dumb_eoi(struct dumb *d, int specific, int ir, int rotate)
{
    if (!specific) {
        ir = -1;
        for (int i = 0; i < 8; i++)
            if (d->isr[i] && !(d->special && d->imr[i]) &&
                (ir < 0 || dumb_order(d, i) < dumb_order(d, ir)))
                ir = i;
        if (ir < 0)
            return;
    }
    d->isr[ir] = 0;
    if (rotate)
        d->lowest = ir;
}

static inline void dumb_line(struct dumb *d, int ir, int level)
{
    if (d->line[ir] == level)
        return;
    d->line[ir] = level;
    d->irr[ir] = level;
}

static inline u8 packed(const int bits[8])
{
    u8 v = 0;
    for (int i = 0; i < 8; i++)
        v |= (u8)(bits[i] << i);
    return v;
}
