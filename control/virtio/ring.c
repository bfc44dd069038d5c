/* The device's side of a split virtqueue; see ring.h.  Pure. */
#include "control/virtio/ring.h"
#include "control/guest/fetch.h"
#include "control/virtio/ring_journal.h"
#include "lib/atomic.h"
#include "lib/mem.h"

static bool broken(struct vring *r, enum vring_error error, u16 head, u16 index, u64 at, u32 len)
{
    r->fault =
        (struct vring_fault){.error = error, .head = head, .index = index, .at = {at}, .len = len};
    return false;
}

/* ---- the three areas ---- */

static bool find_area(struct vring *r, gpa_t at, u32 len, u32 align, void **host)
{
    if (!IS_ALIGNED(at.v, align))
        return broken(r, VRING_ALIGN, 0, 0, at.v, len);
    *host = grant_whole(r->grant, at, len);
    /* A grant's pages are whole, but nothing says so of its first byte. */
    if (!*host || !IS_ALIGNED((uintptr_t)*host, align))
        return broken(r, VRING_AREA, 0, 0, at.v, len);
    return true;
}

static bool find_areas(struct vring *r)
{
    const struct vring_place *p = &r->place;
    void *desc, *avail, *used;

    if (!find_area(r, p->desc, virtq_desc_bytes(p->size), VIRTQ_DESC_ALIGN, &desc) ||
        !find_area(r, p->avail, virtq_avail_bytes(p->size), VIRTQ_AVAIL_ALIGN, &avail) ||
        !find_area(r, p->used, virtq_used_bytes(p->size), VIRTQ_USED_ALIGN, &used))
        return false;
    r->desc = desc, r->avail = avail, r->used = used;
    r->generation = r->grant->generation;
    return true;
}

static err_t begin(struct vring *r, const struct grant *g, const struct vring_place *place)
{
    const u32 most = place->journal ? VRING_JOURNAL_HEADS : VIRTQ_SIZE_MAX;

    *r = (struct vring){.grant = g, .place = *place};
    if (place->size == 0 || place->size > most || (place->size & (place->size - 1)) != 0)
        (void)broken(r, VRING_SIZE, 0, 0, 0, place->size);
    else
        (void)find_areas(r);
    return r->fault.error == VRING_OK ? OK : E_INVAL;
}

err_t vring_start(struct vring *r, const struct grant *g, const struct vring_place *place)
{
    TRY(begin(r, g, place));
    if (place->journal)
        memset(place->journal, 0, sizeof(*place->journal));
    return OK;
}

err_t vring_resume(struct vring *r, const struct grant *g, const struct vring_place *place)
{
    TRY(begin(r, g, place));
    journal_replay(place->journal, fetch16(&r->used->idx), place->size, r->again);
    r->next_avail = r->seen_avail = (u16)place->journal->taken;
    r->used_idx = r->signalled = (u16)place->journal->shown;
    return OK;
}

/* Whether the areas may be touched: a grant that has changed is asked again. */
static bool usable(struct vring *r)
{
    if (unlikely(r->fault.error != VRING_OK))
        return false;
    return likely(r->generation == r->grant->generation) || find_areas(r);
}

/* ---- a chain ---- */

/* Where a walk is: in the queue's table or in an indirect one. */
struct table {
    const u8 *entry; /* the first one; any alignment */
    u32 entries;
    bool indirect;
};

/* The pieces of one buffer; a range of the grant may end in it. */
static bool add_buffer(struct vring *r, struct vring_chain *c, const struct virtq_desc *d,
                       u16 index)
{
    const bool in = (d->flags & VIRTQ_DESC_F_WRITE) != 0;
    u32 *const bytes = in ? &c->in_bytes : &c->out_bytes;
    u64 at = d->addr;

    if (!in && c->ins != 0)
        return broken(r, VRING_ORDER, c->head, index, d->addr, d->len);
    if (d->len > 0xffffffffu - *bytes)
        return broken(r, VRING_BYTES, c->head, index, d->addr, d->len);
    *bytes += d->len;
    for (u32 left = d->len; left != 0;) {
        struct io_segment piece;
        if (!grant_piece(r->grant, (gpa_t){at}, left, &piece))
            return broken(r, VRING_BUFFER, c->head, index, d->addr, d->len);
        if (c->outs + c->ins == c->room)
            return broken(r, VRING_LONG, c->head, index, d->addr, d->len);
        c->segment[c->outs + c->ins] = piece;
        *(in ? &c->ins : &c->outs) += 1;
        at += piece.len, left -= piece.len;
    }
    return true;
}

/* From a descriptor to the table that it names. */
static bool enter_table(struct vring *r, struct table *t, const struct virtq_desc *d, u16 head,
                        u16 index)
{
    if (!r->place.indirect)
        return broken(r, VRING_NO_INDIRECT, head, index, d->addr, d->len);
    if (t->indirect || (d->flags & VIRTQ_DESC_F_NEXT))
        return broken(r, VRING_NESTED, head, index, d->addr, d->len);
    const u32 entries = d->len / (u32)sizeof(struct virtq_desc);
    if (entries == 0 || entries > VRING_INDIRECT_MAX || d->len % sizeof(struct virtq_desc) != 0)
        return broken(r, VRING_TABLE_LENGTH, head, index, d->addr, d->len);
    const void *const host = grant_whole(r->grant, (gpa_t){d->addr}, d->len);
    if (!host)
        return broken(r, VRING_TABLE, head, index, d->addr, d->len);
    *t = (struct table){.entry = host, .entries = entries, .indirect = true};
    return true;
}

/* Each link is a step, and no table is left with more steps than it has entries. */
static bool walk(struct vring *r, struct vring_chain *c)
{
    struct table t = {.entry = (const u8 *)r->desc, .entries = r->place.size};
    u16 index = c->head;

    for (u32 steps = 0;;) {
        struct virtq_desc d;
        if (index >= t.entries)
            return broken(r, VRING_INDEX, c->head, index, 0, 0);
        if (steps++ == t.entries)
            return broken(r, VRING_LOOP, c->head, index, 0, 0);
        fetch_desc(&d, t.entry + index * sizeof(d));
        if (d.flags & VIRTQ_DESC_F_INDIRECT) {
            if (!enter_table(r, &t, &d, c->head, index))
                return false;
            index = 0, steps = 0;
            continue;
        }
        if (!add_buffer(r, c, &d, index))
            return false;
        if (!(d.flags & VIRTQ_DESC_F_NEXT))
            return true;
        index = d.next;
    }
}

/* Whether there is a chain; looks at the driver's index when all that it had shown are taken. */
static bool available(struct vring *r)
{
    if (r->seen_avail != r->next_avail)
        return true;
    const u16 idx = fetch16(&r->avail->idx);
    if (idx == r->next_avail)
        return false;
    if ((u16)(idx - r->next_avail) > r->place.size)
        return broken(r, VRING_AVAIL_IDX, r->next_avail, idx, r->place.avail.v, 0);
    /* The entries were written before the index: x86 keeps loads in order, the compiler must. */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    r->seen_avail = idx;
    return true;
}

bool vring_take(struct vring *r, struct vring_chain *c)
{
    if (!usable(r))
        return false;
    const bool again = r->place.journal && journal_next(r->again, &c->head);
    if (!again) {
        if (!available(r))
            return false;
        c->head = fetch16(&r->avail->ring[r->next_avail & (r->place.size - 1)]);
    }
    c->outs = c->ins = c->out_bytes = c->in_bytes = 0;
    if (r->open == r->place.size)
        return broken(r, VRING_OPEN, c->head, r->next_avail, 0, 0);
    if (!walk(r, c))
        return false;
    r->next_avail += !again;
    r->open++;
    if (r->place.journal)
        journal_take(r->place.journal, r->again, c->head, again);
    return true;
}

void vring_untake(struct vring *r, u16 head)
{
    const bool again = r->place.journal && journal_untake(r->place.journal, r->again, head);

    r->next_avail -= !again;
    r->open--;
}

/* ---- what goes back ---- */

void vring_give(struct vring *r, u16 head, u32 written)
{
    r->open--;
    if (!usable(r))
        return;
    struct virtq_used_elem *const e = &r->used->ring[r->used_idx & (r->place.size - 1)];
    WRITE_ONCE(e->id, head);
    WRITE_ONCE(e->len, written);
    r->used_idx++;
    if (r->place.journal)
        journal_give(r->place.journal, head, r->used_idx);
}

static const void *used_event(const struct vring *r)
{
    return &r->avail->ring[r->place.size];
}

static u16 *avail_event(const struct vring *r)
{
    return (u16 *)(void *)&r->used->ring[r->place.size];
}

bool vring_publish(struct vring *r)
{
    const u16 before = r->signalled;

    if (!usable(r) || r->used_idx == before)
        return false;
    store_release(&r->used->idx, r->used_idx);
    r->signalled = r->used_idx;
    if (r->place.journal)
        journal_show(r->place.journal, r->used_idx);
    /* The driver writes what it wants and then looks at the index; we do it the other way round. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (r->place.event_idx)
        return virtq_passed(fetch16(used_event(r)), r->used_idx, before);
    return !(fetch16(&r->avail->flags) & VIRTQ_AVAIL_NO_INTERRUPT);
}

bool vring_want_kicks(struct vring *r, bool want)
{
    if (!usable(r))
        return false;
    if (!r->place.event_idx)
        WRITE_ONCE(r->used->flags, (u16)(want ? 0 : VIRTQ_USED_NO_NOTIFY));
    else if (want)
        WRITE_ONCE(*avail_event(r), r->seen_avail);
    /* else: the old event stays behind, and is not passed again for 65,536 chains */
    if (!want)
        return false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return fetch16(&r->avail->idx) != r->seen_avail;
}
