/* A second, dumb model of local APICs that exchange messages, without timers: one bool for every
 * bit, and the rules in the order of SDM Vol. 3A, "Advanced Programmable Interrupt Controller". */
#pragma once
#include "lib/types.h"
#include <string.h>

#define DUMB_APICS 4

enum dumb_mode { DUMB_OFF, DUMB_XAPIC, DUMB_X2APIC };

struct dumb {
    int id;
    enum dumb_mode mode;
    bool irr[256], isr[256], tmr[256];
    bool enabled; /* by SVR */
    int spurious, tpr;
    int logical, model;                      /* xAPIC: LDR and DFR, 8 and 4 bits */
    u32 lint0, lint1, lvt_error, lvt_others; /* all others are the same */
    u32 icr;
    u64 icr_to;
    u32 errors, errors_shown;
    bool nmi, init, sipi, extint;
    int sipi_vector, eoi; /* -1: none */
};

struct dumb_bus {
    struct dumb apic[DUMB_APICS];
    int turn;
};

static inline void dumb_clear(struct dumb *d, enum dumb_mode mode)
{
    *d = (struct dumb){.id = d->id, .mode = mode, .spurious = 0xff, .model = 15, .eoi = -1};
    d->lint0 = d->lint1 = d->lvt_error = d->lvt_others = 0x10000;
}

static inline void dumb_firmware(struct dumb *d, int id)
{
    d->id = id;
    dumb_clear(d, DUMB_XAPIC);
    d->enabled = true;
    d->lint0 = 0x700;
    d->lint1 = 0x400;
}

static inline int dumb_top(const bool set[256])
{
    for (int v = 255; v >= 0; v--)
        if (set[v])
            return v;
    return -1;
}

static inline int dumb_ppr(const struct dumb *d)
{
    const int isrv = dumb_top(d->isr) < 0 ? 0 : dumb_top(d->isr);

    return d->tpr / 16 >= isrv / 16 ? d->tpr : isrv / 16 * 16;
}

static inline int dumb_next(const struct dumb *d)
{
    const int v = dumb_top(d->irr);

    return v >= 0 && v / 16 > dumb_ppr(d) / 16 ? v : -1;
}

/* "Error Handling" */
static inline void dumb_error(struct dumb *d, u32 bit)
{
    const int vector = (int)(d->lvt_error & 0xff);

    if (d->errors & bit)
        return;
    d->errors |= bit;
    if (d->lvt_error & 0x10000)
        return;
    if (vector < 16)
        d->errors |= 0x40;
    else
        d->irr[vector] = true;
}

/* "Interrupt Acceptance for Fixed Interrupts" */
static inline void dumb_accept(struct dumb *d, int vector, bool level)
{
    if (!d->enabled)
        return;
    if (vector < 16) {
        dumb_error(d, 0x40);
        return;
    }
    d->irr[vector] = true;
    d->tmr[vector] = level;
}

static inline void dumb_receive(struct dumb *d, int mode, int vector, bool level)
{
    if (d->mode == DUMB_OFF)
        return;
    if (mode == 0 || mode == 1) {
        dumb_accept(d, vector, level);
    } else if (mode == 4) {
        d->nmi = true;
    } else if (mode == 5) {
        d->init = true;
        d->sipi = false;
    } else if (mode == 6 && !d->sipi) {
        d->sipi = true;
        d->sipi_vector = vector;
    } else if (mode == 7 && d->enabled) {
        d->extint = true;
    }
}

/* "Determining IPI Destination", in both modes; `wide`: 32 bits were sent. */
static inline bool dumb_addressed(const struct dumb *d, u64 to, bool logical, bool wide)
{
    if (d->mode == DUMB_OFF)
        return false;
    if ((wide && to == 0xffffffff) || (!wide && to == 0xff))
        return true;
    if (!logical)
        return to == (u64)d->id;
    if (d->mode == DUMB_X2APIC) {
        const u64 cluster = to / 65536, members = to % 65536;

        return cluster == (u64)(d->id / 16) && (members >> (d->id % 16)) % 2 == 1;
    }
    if (to > 255)
        return false;
    if (d->model == 15)
        return (to & (u64)d->logical) != 0;
    if (d->model == 0)
        return to / 16 == (u64)d->logical / 16 && (to % 16 & (u64)d->logical % 16) != 0;
    return false;
}

/* To all of `set`, or, by lowest priority, to one of it. */
static inline void dumb_deliver(struct dumb_bus *bus, const bool set[DUMB_APICS], int mode,
                                int vector, bool level)
{
    int best = -1;

    if (mode != 1) {
        for (int i = 0; i < DUMB_APICS; i++)
            if (set[i])
                dumb_receive(&bus->apic[i], mode, vector, level);
        return;
    }
    for (int n = 1; n <= DUMB_APICS; n++) {
        const int i = (bus->turn + n) % DUMB_APICS;

        if (set[i] && bus->apic[i].enabled &&
            (best < 0 || dumb_ppr(&bus->apic[i]) < dumb_ppr(&bus->apic[best])))
            best = i;
    }
    if (best >= 0) {
        bus->turn = best;
        dumb_receive(&bus->apic[best], mode, vector, level);
    }
}

/* "Interrupt Command Register"; d->icr_to is written before. */
static inline void dumb_icr(struct dumb_bus *bus, struct dumb *d, u32 low)
{
    const int mode = (int)(low >> 8) % 8, vector = (int)(low % 256),
              shorthand = (int)(low >> 18) % 4;
    const bool wide = d->mode == DUMB_X2APIC, deassert = (low & 0xc000) == 0x8000;
    bool set[DUMB_APICS];

    d->icr = low & 0x000ccfff;
    if (mode == 2 || mode == 3 || mode == 7 || (mode == 5 && deassert))
        return;
    if (mode <= 1 && vector < 16)
        dumb_error(d, 0x20);
    if (shorthand == 1) { /* to itself there is nothing but interrupts and NMIs */
        if (mode <= 1)
            dumb_accept(d, vector, false);
        else if (mode == 4)
            d->nmi = true;
        return;
    }
    for (int i = 0; i < DUMB_APICS; i++) {
        const struct dumb *other = &bus->apic[i];

        set[i] = shorthand == 0 ? dumb_addressed(other, d->icr_to, low & 0x800, wide)
                                : other->mode != DUMB_OFF && (shorthand == 2 || other != d);
    }
    dumb_deliver(bus, set, mode, vector, false);
}

static inline void dumb_io_apic(struct dumb_bus *bus, int mode, int vector, int to, bool logical,
                                bool level)
{
    bool set[DUMB_APICS];

    for (int i = 0; i < DUMB_APICS; i++)
        set[i] = dumb_addressed(&bus->apic[i], (u64)to, logical, false);
    dumb_deliver(bus, set, mode, vector, level);
}

static inline int dumb_take(struct dumb *d)
{
    const int v = dumb_next(d);

    if (v < 0)
        return d->spurious;
    d->irr[v] = false;
    d->isr[v] = true;
    return v;
}

static inline void dumb_eoi(struct dumb *d)
{
    const int v = dumb_top(d->isr);

    if (v < 0)
        return;
    d->isr[v] = false;
    if (d->tmr[v])
        d->eoi = v;
}

static inline void dumb_svr(struct dumb *d, u32 value)
{
    d->spurious = (int)(value & 0xff);
    d->enabled = value & 0x100;
    if (!d->enabled) {
        d->lint0 |= 0x10000;
        d->lint1 |= 0x10000;
        d->lvt_error |= 0x10000;
        d->lvt_others |= 0x10000;
    }
}

/* "x2APIC State Transitions": false is #GP. */
static inline bool dumb_base(struct dumb *d, u64 value)
{
    const u64 others = 0xfee00000 | (d->id == 0 ? 0x100 : 0);
    const bool on = value & 0x800, x2apic = value & 0x400;
    const enum dumb_mode to = on ? x2apic ? DUMB_X2APIC : DUMB_XAPIC : DUMB_OFF;

    if ((value & ~0xc00ull) != others || (x2apic && !on))
        return false;
    if (d->mode == to)
        return true;
    if ((d->mode == DUMB_X2APIC && to == DUMB_XAPIC) || (d->mode == DUMB_OFF && to == DUMB_X2APIC))
        return false;
    if (to == DUMB_OFF)
        dumb_clear(d, DUMB_OFF);
    if (to == DUMB_X2APIC)
        d->icr_to = 0;
    if (to == DUMB_XAPIC)
        d->logical = 0;
    d->mode = to;
    return true;
}

/* "Local APIC Register Address Map Supported by x2APIC". */
static inline bool dumb_msr_reads(u32 msr)
{
    switch (msr) {
    case 0x802:
    case 0x803:
    case 0x808:
    case 0x80a:
    case 0x80d:
    case 0x80f:
    case 0x828:
    case 0x830:
    case 0x838:
    case 0x839:
    case 0x83e: return true;
    default: return (msr >= 0x810 && msr <= 0x827) || (msr >= 0x832 && msr <= 0x837);
    }
}

static inline bool dumb_msr_writes(u32 msr, u64 value)
{
    switch (msr) {
    case 0x80b:
    case 0x828: return value == 0;
    case 0x808:
    case 0x83f: return value <= 0xff;
    case 0x80f: return value <= 0x3ff;
    case 0x830: return (value & 0xfff32000) == 0;
    case 0x832: return (value & ~0x710ffull) == 0;
    case 0x833:
    case 0x834: return (value & ~0x117ffull) == 0;
    case 0x835:
    case 0x836: return (value & ~0x1f7ffull) == 0;
    case 0x837: return (value & ~0x110ffull) == 0;
    case 0x838: return value <= 0xffffffff;
    case 0x83e: return (value & ~0xbull) == 0;
    default: return false;
    }
}
