/* 8254; see pit.h.  Pure. */
#include "vmm/dev/pit.h"

// clang-format off
enum { CONTROL_BCD = 0x01, CONTROL_RW = 0x30 };
enum { RW_LOW = 0x10, RW_HIGH = 0x20, RW_BOTH = 0x30 };
enum { STATUS_OUT = 0x80, STATUS_NULL = 0x40 };
enum { PORT61_GATE2 = 0x01, PORT61_WRITABLE = 0x0f, PORT61_REFRESH = 0x10, PORT61_OUT2 = 0x20 };
// clang-format on

#define REFRESH_CLOCKS 18 /* DRAM refresh, toggled about every 15 microseconds */

static bool hardware_triggered(const struct pit_channel *c)
{
    return c->mode == 1 || c->mode == 5;
}

static bool periodic(const struct pit_channel *c)
{
    return c->mode == 2 || c->mode == 3;
}

/* Clocks counted since the load; negative: the load comes with the next clock. */
static i64 elapsed(const struct pit_channel *c, u64 clk)
{
    return (i64)(!c->gate && !hardware_triggered(c) ? c->held : clk - c->start);
}

/* Clocks of mode 3's high half. */
static u32 high_half(u32 count)
{
    return (count + 1) / 2;
}

/* Does the reloads of the periodic modes that are due, so that elapsed() < count. */
static void advance(struct pit_channel *c, u64 clk)
{
    if (!periodic(c) || c->count == 0 || !c->gate)
        return;
    if (c->next && (i64)(clk - c->reload_at) >= 0) {
        const bool whole_period = c->reload_at == c->start + c->count;
        c->start = c->reload_at - (whole_period ? 0 : high_half(c->next));
        c->count = c->next;
        c->next = 0;
    }
    const u64 since = clk - c->start;
    if ((i64)since < (i64)c->count)
        return;
    /* Nearly always at most one period late: no division then. */
    c->start += since < 2ull * c->count ? c->count : since - since % c->count;
}

/* The OUT pin. advance() was called. */
static bool out(const struct pit_channel *c, u64 clk)
{
    const i64 e = elapsed(c, clk);
    const bool running = c->count != 0 && e >= 0;
    switch (c->mode) {
    case 0: return running && e >= c->count;
    case 1: return !(running && c->triggered && e < c->count);
    case 2: return !(running && c->gate && e == (i64)c->count - 1);
    case 3: return !(running && c->gate && e >= high_half(c->count));
    case 4: return !(running && c->gate && e == c->count); /* a clock long, whatever stops it */
    default: return !(running && c->triggered && e == c->count);
    }
}

static u16 to_bcd(u32 n)
{
    return (u16)(n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12);
}

/* A count register of zero is the largest count. */
static u32 count_of(const struct pit_channel *c, u16 written)
{
    if (!(c->control & CONTROL_BCD))
        return written ? written : 0x10000;
    const u32 n = (u32)((written >> 12) * 1000 + (written >> 8 & 15) * 100 +
                        (written >> 4 & 15) * 10 + (written & 15));
    return n ? n : 10000;
}

/* What the counting element shows. advance() was called. */
static u16 value(const struct pit_channel *c, u64 clk)
{
    u64 e = (u64)MAX(elapsed(c, clk), 0);
    if (hardware_triggered(c) && !c->triggered)
        e = 0;
    u64 left = c->count - e; /* after the end it goes on, modulo the register's size */
    if (c->mode == 3) {      /* counts by two, through the even part of count in each half */
        const u32 high = high_half(c->count);
        left = (c->count & ~1u) - 2 * (e < high ? e : e - high);
    }
    if (!(c->control & CONTROL_BCD))
        return (u16)left;
    return to_bcd(e <= c->count ? (u32)left % 10000 : 9999 - (u32)((e - c->count - 1) % 10000));
}

static u8 status(const struct pit_channel *c, u64 clk)
{
    const bool null_count = c->count == 0 || c->next != 0 || elapsed(c, clk) < 0;
    return (u8)((out(c, clk) ? STATUS_OUT : 0) | (null_count ? STATUS_NULL : 0) | c->control);
}

/* A whole count has been written. advance() was called. */
static void load(struct pit_channel *c, u16 written, u64 clk)
{
    const u32 count = count_of(c, written);
    const i64 e = elapsed(c, clk);
    if (hardware_triggered(c)) {
        c->next = count;
    } else if (periodic(c) && c->count != 0 && e >= 0) {
        const bool in_high_half = c->mode == 3 && e < high_half(c->count);
        c->next = count;
        c->reload_at = c->start + (in_high_half ? high_half(c->count) : c->count);
    } else {
        c->count = count;
        c->start = clk + 1;
        c->held = 0;
    }
}

/* True if the write may have moved OUT: a whole count, or what stops mode 0. */
static bool write_count(struct pit_channel *c, u8 byte, u64 clk)
{
    u16 count = byte;
    switch (c->control & CONTROL_RW) {
    case RW_LOW: break;
    case RW_HIGH: count = (u16)(byte << 8); break;
    case RW_BOTH:
        c->write_high = !c->write_high;
        if (!c->write_high) {
            count = (u16)(byte << 8 | c->low_byte);
            break;
        }
        c->low_byte = byte;
        if (c->mode != 0)
            return false;
        c->count = 0; /* the first byte stops the count and takes OUT low */
        return true;
    default: return false; /* no control word yet */
    }
    advance(c, clk);
    load(c, count, clk);
    return true;
}

static void latch_count(struct pit_channel *c, u64 clk)
{
    if (c->latch_left)
        return; /* the first one holds until it has been read */
    advance(c, clk);
    c->latch = value(c, clk);
    c->latch_left = (c->control & CONTROL_RW) == RW_BOTH ? 2 : 1;
}

static void latch_status(struct pit_channel *c, u64 clk)
{
    if (c->status_latched)
        return;
    advance(c, clk);
    c->status = status(c, clk);
    c->status_latched = true;
}

static void read_back(struct pit *p, u8 command, u64 clk)
{
    for (unsigned i = 0; i < 3; i++) {
        if (!(command >> (i + 1) & 1))
            continue;
        if (!(command & 0x20))
            latch_count(&p->channel[i], clk);
        if (!(command & 0x10))
            latch_status(&p->channel[i], clk);
    }
}

static void write_control(struct pit *p, u8 word, u64 clk)
{
    if (word >> 6 == 3) {
        read_back(p, word, clk);
        return;
    }
    struct pit_channel *c = &p->channel[word >> 6];
    if ((word & CONTROL_RW) == 0) {
        latch_count(c, clk);
        return;
    }
    const u8 mode = word >> 1 & 7;
    *c = (struct pit_channel){
        .gate = c->gate, .control = word & 0x3f, .mode = mode > 5 ? mode - 4 : mode};
}

static void set_gate(struct pit_channel *c, bool gate, u64 clk)
{
    if (gate == c->gate)
        return;
    advance(c, clk);
    if (!gate) {
        c->held = (u64)MAX(elapsed(c, clk), 0);
    } else if (c->mode == 0 || c->mode == 4) {
        c->start = clk - c->held; /* goes on */
    } else {
        c->triggered = true; /* starts over, with the new count if there is one */
        c->count = c->next ? c->next : c->count;
        c->next = 0;
        c->start = clk + 1;
    }
    c->gate = gate;
}

/* PIT clock of the next rising edge of OUT, later than clk. advance() was called. */
static u64 next_rise(const struct pit_channel *c, u64 clk)
{
    u64 at = CLOCK_NEVER;
    if (c->count == 0)
        return CLOCK_NEVER;
    switch (c->mode) {
    case 0: at = c->start + c->count; break;
    case 4: at = c->start + c->count + 1; break;
    case 2:
    case 3:
        if (c->next && c->reload_at != c->start + c->count)
            at = c->reload_at + MAX(c->next / 2, 1u); /* a new low half, then up */
        else if (c->count > 1)                        /* a count of 1 is not legal: no edges */
            at = c->start + c->count;
        break;
    default: break; /* GATE0 is tied high: never triggered */
    }
    return (i64)(at - clk) > 0 ? at : CLOCK_NEVER;
}

static void update(struct pit *p, u64 clk)
{
    struct pit_channel *c = &p->channel[0];
    advance(c, clk);
    p->out0 = out(c, clk);
    const u64 edge = next_rise(c, clk);
    if (edge == p->next_edge)
        return;
    p->next_edge = edge;
    p->deadline = edge == CLOCK_NEVER ? CLOCK_NEVER : clock_when(&p->clock, edge);
}

void pit_init(struct pit *p, u64 tsc_hz, u64 now)
{
    *p = (struct pit){0};
    clock_init(&p->clock, PIT_HZ, tsc_hz, now);
    pit_reset(p);
}

void pit_reset(struct pit *p)
{
    for (unsigned i = 0; i < 3; i++)
        p->channel[i] = (struct pit_channel){.gate = i != 2};
    p->next_edge = CLOCK_NEVER;
    p->deadline = CLOCK_NEVER;
    p->out0 = false;
    p->risen = false;
    p->port61 = 0;
}

void pit_tick(struct pit *p, u64 now)
{
    const u64 clk = clock_count(&p->clock, now);
    if (clk >= p->next_edge)
        p->risen = true;
    update(p, clk);
}

void pit_write(struct pit *p, u16 port, u8 byte, u64 now)
{
    const u64 clk = clock_count(&p->clock, now);
    if (clk >= p->next_edge) { /* due before this write, and no tick yet */
        p->risen = true;
        update(p, clk);
    }
    switch (port) {
    case 0x61:
        p->port61 = byte & PORT61_WRITABLE;
        set_gate(&p->channel[2], (byte & PORT61_GATE2) != 0, clk);
        return;
    case 0x43: write_control(p, byte, clk); break;
    case 0x40:
        if (!write_count(&p->channel[0], byte, clk))
            return;
        break;
    default: write_count(&p->channel[port & 3], byte, clk); return; /* nobody waits for it */
    }
    update(p, clk);
}

static u8 read_channel(struct pit_channel *c, u64 clk)
{
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    u16 word = c->latch;
    if (c->latch_left) {
        c->latch_left--;
    } else {
        advance(c, clk);
        word = value(c, clk);
    }
    const u8 rw = c->control & CONTROL_RW;
    const bool high = rw == RW_HIGH || (rw == RW_BOTH && c->read_high);
    c->read_high = rw == RW_BOTH && !high;
    return (u8)(high ? word >> 8 : word);
}

static u8 read_port61(struct pit *p, u64 clk)
{
    struct pit_channel *c = &p->channel[2];
    advance(c, clk);
    return (u8)(p->port61 | (clk / REFRESH_CLOCKS & 1 ? PORT61_REFRESH : 0) |
                (out(c, clk) ? PORT61_OUT2 : 0));
}

u8 pit_read(struct pit *p, u16 port, u64 now)
{
    const u64 clk = clock_count(&p->clock, now);
    switch (port) {
    case 0x61: return read_port61(p, clk);
    case 0x43: return 0xff; /* not readable */
    default: return read_channel(&p->channel[port & 3], clk);
    }
}
