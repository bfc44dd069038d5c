/* Random valid traffic through the split virtqueue, against a list of what the driver has added:
 * over a million operations, with all features on and off.  Each chain comes out once, in order,
 * with the driver's bytes in the driver's order; each comes back with what was written; an
 * interrupt is asked for when the driver's words say so. */
#include "control/virtio/ring.h"
#include "virtio_driver.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define OPERATIONS  2400000u
#define BUFFERS_MAX 12u
#define ROOM        (2 * BUFFERS_MAX)
#define SLOTS       64u /* chains at once at most */
#define TABLES_AT   (DRV_BASE + 0x20000)
#define TABLE_BYTES (BUFFERS_MAX * 16u)
#define DATA_AT     (DRV_BASE + 0x30000)

enum { UNUSED_SLOT, ADDED, TAKEN, GIVEN, SHOWN, AGAIN };

struct slot {
    int state;
    u16 head;
    u32 buffers;
    struct drv_buffer buffer[BUFFERS_MAX];
    u32 written;
};

struct world {
    struct grant grant;
    struct vring ring;
    struct drv_queue driver;
    struct slot slot[SLOTS];
    u32 order[SLOTS]; /* slots that were added and not taken, oldest first */
    u32 waiting, taken, given, added;
    u32 hidden; /* of the waiting ones: not shown to the device yet */
    u32 again;  /* taken by a program that crashed */
    u64 crashes, repeated;
    struct vring_place place;
    struct vring_journal journal;
    u64 chains, interrupts, silent, kicks, unkicked;
};

static struct drv_buffer random_buffer(bool in)
{
    static const u32 lengths[] = {1, 2, 16, 511, 512, 4096, 0, 9000};
    const u32 len = lengths[drv_random() % ARRAY_LEN(lengths)];
    u64 gpa = DATA_AT + drv_random() % (DRV_END - DATA_AT - 9000);

    if (drv_random() % 8 == 0) /* across the two ranges */
        gpa = DRV_BASE + DRV_HALF - drv_random() % (len + 1);
    return (struct drv_buffer){.gpa = gpa, .len = len, .in = in};
}

static void add(struct world *w, bool indirect_allowed)
{
    u32 s = 0;
    while (s < SLOTS && w->slot[s].state != UNUSED_SLOT)
        s++;
    struct slot *const slot = &w->slot[s];
    const u32 n = 1 + (u32)(drv_random() % BUFFERS_MAX), outs = (u32)(drv_random() % (n + 1));
    u32 indirect = 0;

    if (s == SLOTS)
        return;
    if (indirect_allowed && drv_random() % 2)
        indirect = 1 + (u32)(drv_random() % n);
    if (n - indirect + (indirect != 0) > w->driver.left)
        return;
    *slot = (struct slot){.state = ADDED, .buffers = n};
    for (u32 i = 0; i < n; i++)
        slot->buffer[i] = random_buffer(i >= outs);
    slot->head = drv_add(&w->driver, slot->buffer, n, indirect, TABLES_AT + s * TABLE_BYTES);
    w->order[w->waiting++] = s;
    w->hidden++;
    w->added++;
}

/* The chain's pieces are the slot's buffers, byte by byte. */
static void compare(const struct vring_chain *c, const struct slot *s)
{
    u32 piece = 0, outs = 0;
    u64 bytes[2] = {0, 0};

    for (u32 i = 0; i < s->buffers; i++) {
        const struct drv_buffer *b = &s->buffer[i];
        for (u64 done = 0; done < b->len; piece++) {
            assert_true(piece < c->outs + c->ins);
            const struct io_segment *g = &c->segment[piece];
            assert_int_not_equal(g->len, 0);
            assert_true(done + g->len <= b->len);
            assert_int_equal(g->bus, b->gpa + done + DRV_BUS);
            assert_ptr_equal(g->at, drv_byte(b->gpa + done));
            assert_ptr_equal((u8 *)g->at + g->len - 1, drv_byte(b->gpa + done + g->len - 1));
            outs += !b->in;
            done += g->len;
        }
        bytes[b->in] += b->len;
    }
    assert_int_equal(piece, c->outs + c->ins);
    assert_int_equal(outs, c->outs);
    assert_int_equal(bytes[0], c->out_bytes);
    assert_int_equal(bytes[1], c->in_bytes);
}

/* One of those that a crash has left open. */
static void take_again(struct world *w, const struct vring_chain *c)
{
    u32 s = 0;

    while (s < SLOTS && !(w->slot[s].state == AGAIN && w->slot[s].head == c->head))
        s++;
    assert_true(s < SLOTS);
    compare(c, &w->slot[s]);
    if (drv_random() % 16 == 0) {
        vring_untake(&w->ring, c->head);
        return;
    }
    w->slot[s].state = TAKEN;
    w->again--, w->taken++, w->repeated++;
}

static void take(struct world *w)
{
    struct io_segment room[ROOM];
    struct vring_chain c = {.segment = room, .room = ROOM};
    const bool some = w->waiting > w->hidden || w->again != 0;

    assert_int_equal(vring_take(&w->ring, &c), some);
    assert_int_equal(w->ring.fault.error, VRING_OK);
    if (!some)
        return;
    if (w->again != 0) {
        take_again(w, &c);
        return;
    }
    struct slot *const s = &w->slot[w->order[0]];
    assert_int_equal(c.head, s->head);
    compare(&c, s);
    if (drv_random() % 16 == 0) {
        vring_untake(&w->ring, c.head);
        return;
    }
    s->state = TAKEN;
    memmove(w->order, w->order + 1, --w->waiting * sizeof(w->order[0]));
    w->taken++;
    w->chains++;
}

static struct slot *random_slot(struct world *w, int state)
{
    const u32 from = (u32)drv_random();

    for (u32 i = 0; i < SLOTS; i++)
        if (w->slot[(from + i) % SLOTS].state == state)
            return &w->slot[(from + i) % SLOTS];
    return NULL;
}

static void give(struct world *w)
{
    struct slot *const s = random_slot(w, TAKEN);

    if (!s)
        return;
    s->written = (u32)drv_random();
    s->state = GIVEN;
    vring_give(&w->ring, s->head, s->written);
    w->taken--, w->given++;
}

static void publish(struct world *w)
{
    const u16 old = w->driver.used->idx;
    const bool told = vring_publish(&w->ring);
    bool wanted = false;

    assert_int_equal((u16)(w->driver.used->idx - old), w->given);
    if (!w->driver.event_idx)
        wanted = w->given != 0 && !(w->driver.avail->flags & VIRTQ_AVAIL_NO_INTERRUPT);
    else
        for (u16 i = old; i != w->driver.used->idx; i++)
            wanted |= i == *drv_used_event(&w->driver);
    assert_int_equal(told, wanted);
    *(told ? &w->interrupts : &w->silent) += w->given != 0;
    w->given = 0;
    for (u32 s = 0; s < SLOTS; s++)
        if (w->slot[s].state == GIVEN)
            w->slot[s].state = SHOWN;
}

/* All but the journal and the guest's memory is gone.  `moment`: which of the journal's stores the
 * crash came before. */
static void crash(struct world *w)
{
    const u64 moment = drv_random() % 4;
    const u64 shown = w->journal.shown;
    const u32 first = w->order[0], waiting = w->waiting;

    if (moment == 0) { /* the driver sees what was given, and the journal does not say so */
        publish(w);
        w->journal.shown = shown;
    }
    if (moment == 1 && w->again == 0) { /* a chain is noted, and the count is not */
        take(w);
        if (w->waiting != waiting) {
            w->journal.taken--;
            memmove(w->order + 1, w->order, w->waiting++ * sizeof(w->order[0]));
            w->order[0] = first;
            w->slot[first].state = ADDED;
            w->taken--;
        }
    }
    for (u32 s = 0; s < SLOTS; s++) {
        if (w->slot[s].state != TAKEN && w->slot[s].state != GIVEN)
            continue;
        *(w->slot[s].state == TAKEN ? &w->taken : &w->given) -= 1;
        w->slot[s].state = AGAIN;
        w->again++;
    }
    memset(&w->ring, 0xa5, sizeof(w->ring));
    assert_int_equal(vring_resume(&w->ring, &w->grant, &w->place), OK);
    w->crashes++;
}

static void collect(struct world *w)
{
    u32 head, len;

    while (drv_used(&w->driver, &head, &len)) {
        u32 s = 0;
        while (s < SLOTS && !(w->slot[s].state == SHOWN && w->slot[s].head == head))
            s++;
        assert_true(s < SLOTS);
        assert_int_equal(len, w->slot[s].written);
        w->slot[s].state = UNUSED_SLOT;
    }
    if (w->driver.event_idx)
        *drv_used_event(&w->driver) = (u16)(w->driver.used_seen + drv_random() % 4);
    else
        w->driver.avail->flags = drv_random() & VIRTQ_AVAIL_NO_INTERRUPT;
}

/* Shown chains reach a device that has asked for word of them. */
static void show(struct world *w)
{
    const bool told = drv_show(&w->driver);

    *(told ? &w->kicks : &w->unkicked) += w->hidden != 0;
    w->hidden = 0;
}

static void want(struct world *w)
{
    const bool want_it = drv_random() % 2;
    const bool more = vring_want_kicks(&w->ring, want_it);

    assert_int_equal(more, want_it && w->driver.avail->idx != w->ring.seen_avail);
    if (want_it && !more) { /* the next one shown must be told */
        add(w, false);
        if (w->hidden != 0) {
            assert_true(drv_show(&w->driver));
            w->hidden = 0;
        }
    }
}

static void traffic(u16 size, bool event_idx, bool indirect, bool crashes)
{
    static struct world w;
    const struct vring_place place = {
        .size = size, .desc = {DRV_BASE}, .event_idx = event_idx, .indirect = indirect};
    struct vring_place at = place;

    memset(&w, 0, sizeof(w));
    drv_grant(&w.grant);
    assert_true(drv_queue_init(&w.driver, DRV_BASE, size, event_idx) <= TABLES_AT);
    at.avail.v = w.driver.avail_at, at.used.v = w.driver.used_at;
    at.journal = crashes ? &w.journal : NULL;
    w.place = at;
    assert_int_equal(vring_start(&w.ring, &w.grant, &at), OK);
    for (u32 i = 0; i < OPERATIONS / 8; i++) {
        switch (drv_random() % 8) {
        case 0:
        case 1: add(&w, indirect); break;
        case 2: show(&w); break;
        case 3:
        case 4: take(&w); break;
        case 5: give(&w); break;
        case 6: drv_random() % 2 ? publish(&w) : want(&w); break;
        default: collect(&w); break;
        }
        if (crashes && drv_random() % 512 == 0)
            crash(&w);
        if (drv_random() % 4096 == 0) /* the grant changes, and not here */
            w.grant.generation++;
    }
    assert_true(w.chains > 2000);
    assert_true(w.interrupts > 100 && w.silent > 100);
    assert_true(w.kicks > 100 && w.unkicked > 100);
    assert_true(!crashes || (w.crashes > 100 && w.repeated > 100));
}

static void test_traffic(void **state)
{
    // clang-format off
    static const struct { u16 size; bool event_idx, indirect; } cases[] = {
        { 1, true, true }, { 2, false, false }, { 16, false, true }, { 64, true, false },
        { 64, true, true }, { 256, false, false }, { 256, true, true }, { 1024, true, true },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        traffic(cases[i].size, cases[i].event_idx, cases[i].indirect, false);
}

/* The same with a device that dies every now and then. */
static void test_crashes(void **state)
{
    (void)state;
    traffic(16, false, true, true);
    traffic(64, true, true, true);
    traffic(256, true, false, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_traffic),
                                       cmocka_unit_test(test_crashes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
