/* The driver's side of a split virtqueue; see virtq.h.  Pure. */
#include "drivers/io/virtq.h"
#include "lib/mem.h"

/* 2.7.5 "The Virtqueue Descriptor Table". */
struct descriptor {
    u64 bus;
    u32 len;
    u16 flags;
    u16 next;
};
enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
#define DESCRIPTORS_ALIGN 16u

/* 2.7.6 "The Virtqueue Available Ring", 2.7.8 "The Virtqueue Used Ring": offsets in each. */
enum { RING_FLAGS = 0, RING_INDEX = 2, RING_ENTRIES = 4 };
enum { AVAILABLE_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };
#define AVAILABLE_ENTRY 2u
#define USED_ENTRY      8u
#define USED_ALIGN      4u
#define EVENT_LEN       2u

_Static_assert(sizeof(struct descriptor) == 16, "the specification's");

static u16 *word_at(const struct virtq *q, u32 offset)
{
    return (u16 *)(void *)((u8 *)q->ring.at + offset);
}

static u16 *available_word(const struct virtq *q, u32 offset)
{
    return word_at(q, q->available_at + offset);
}

/* 2.7.10 "Available Buffer Notification Suppression", 2.7.7 "Used Buffer Notification Suppression":
 * each event index is behind the other side's ring. */
static u16 *used_event(const struct virtq *q)
{
    return available_word(q, RING_ENTRIES + q->size * AVAILABLE_ENTRY);
}

static u16 *available_event(const struct virtq *q)
{
    return word_at(q, q->used_at + RING_ENTRIES + q->size * USED_ENTRY);
}

void virtq_clear(struct virtq *q)
{
    memset(q->ring.at, 0, q->ring.len);
    memset(q->slot, 0, sizeof(q->slot));
    q->available = q->published = q->taken = 0;
    q->free = 0;
    q->free_count = (u16)q->size;
    for (u32 i = 0; i < q->size; i++)
        q->next[i] = (u16)(i + 1);
    (void)virtq_interrupts(q, q->interrupts);
}

err_t virtq_open(struct virtq *q, struct io_env *env, u32 size_max, bool event_index, bool indirect)
{
    const u32 size = MIN(size_max, VIRTQ_SIZE_MAX);

    if (size < 2 || (size & (size - 1)) != 0)
        return E_NOTSUP;
    *q = (struct virtq){.env = env, .size = size, .event_index = event_index, .interrupts = true};
    q->available_at = size * (u32)sizeof(struct descriptor);
    q->used_at =
        ALIGN_UP(q->available_at + RING_ENTRIES + size * AVAILABLE_ENTRY + EVENT_LEN, USED_ALIGN);
    TRY(env->ops->dma_alloc(env, q->used_at + RING_ENTRIES + size * USED_ENTRY + EVENT_LEN,
                            DESCRIPTORS_ALIGN, UINT64_MAX, &q->ring));
    if (indirect &&
        env->ops->dma_alloc(env, size * VIRTQ_CHAIN_MAX * (u32)sizeof(struct descriptor),
                            DESCRIPTORS_ALIGN, UINT64_MAX, &q->tables) != OK) {
        env->ops->dma_free(env, &q->ring);
        return E_NOMEM;
    }
    virtq_clear(q);
    return OK;
}

void virtq_close(struct virtq *q)
{
    if (q->size == 0)
        return;
    q->env->ops->dma_free(q->env, &q->ring);
    if (q->tables.len != 0)
        q->env->ops->dma_free(q->env, &q->tables);
    q->size = 0;
}

u64 virtq_descriptors(const struct virtq *q)
{
    return q->ring.bus;
}

u64 virtq_available(const struct virtq *q)
{
    return q->ring.bus + q->available_at;
}

u64 virtq_used(const struct virtq *q)
{
    return q->ring.bus + q->used_at;
}

/* ------------------------------------------------------------ towards the device */

err_t virtq_next(const struct virtq *q, u32 *slot)
{
    if (q->free_count == 0)
        return E_NOMEM;
    *slot = q->free;
    return OK;
}

u32 virtq_room(const struct virtq *q, u32 pieces)
{
    return q->tables.len != 0 ? q->size : q->size / pieces;
}

static struct descriptor describe(const struct virtq_piece *piece, bool write)
{
    return (struct descriptor){
        .bus = piece->bus, .len = piece->len, .flags = write ? DESC_WRITE : 0};
}

/* One descriptor of the ring, which points to the slot's own table. */
static void fill_indirect(struct virtq *q, u32 slot, const struct virtq_piece *piece, u32 out,
                          u32 count)
{
    const u32 offset = slot * VIRTQ_CHAIN_MAX * (u32)sizeof(struct descriptor);
    struct descriptor *table = (struct descriptor *)(void *)((u8 *)q->tables.at + offset);
    struct descriptor *ring = q->ring.at;

    for (u32 i = 0; i < count; i++) {
        struct descriptor d = describe(&piece[i], i >= out);

        if (i + 1 < count) {
            d.flags |= DESC_NEXT;
            d.next = (u16)(i + 1);
        }
        table[i] = d;
    }
    ring[slot] = (struct descriptor){.bus = q->tables.bus + offset,
                                     .len = count * (u32)sizeof(struct descriptor),
                                     .flags = DESC_INDIRECT};
}

static void fill_direct(struct virtq *q, u32 slot, const struct virtq_piece *piece, u32 out,
                        u32 count)
{
    struct descriptor *ring = q->ring.at;
    u32 at = slot;

    for (u32 i = 0; i < count; i++) {
        struct descriptor d = describe(&piece[i], i >= out);

        if (i + 1 < count) {
            d.flags |= DESC_NEXT;
            d.next = q->next[at];
        }
        ring[at] = d;
        at = q->next[at];
    }
}

err_t virtq_add(struct virtq *q, const struct virtq_piece *piece, u32 out, u32 in, void *token)
{
    const u32 count = out + in;
    const bool indirect = q->tables.len != 0 && count > 1;
    const u32 needed = indirect ? 1 : count;
    const u32 slot = q->free;
    u64 writable = 0;

    if (count == 0 || count > VIRTQ_CHAIN_MAX || count > q->size)
        return E_INVAL;
    if (needed > q->free_count)
        return E_NOMEM;
    for (u32 i = out; i < count; i++)
        writable += piece[i].len;
    if (indirect)
        fill_indirect(q, slot, piece, out, count);
    else
        fill_direct(q, slot, piece, out, count);
    for (u32 i = 0; i < needed; i++)
        q->free = q->next[q->free];
    q->free_count = (u16)(q->free_count - needed);
    q->slot[slot] = (struct virtq_slot){
        .token = token, .writable = (u32)MIN(writable, UINT32_MAX), .pieces = (u16)needed};
    q->added[(u16)(q->available - q->published)] = (u16)slot;
    *available_word(q, RING_ENTRIES + q->available % q->size * AVAILABLE_ENTRY) = (u16)slot;
    q->available++;
    return OK;
}

bool virtq_publish(struct virtq *q)
{
    const u16 before = q->published, now = q->available;

    if (before == now)
        return false;
    for (u16 i = 0; i < (u16)(now - before); i++)
        q->slot[q->added[i]].shown = true;
    io_publish();
    WRITE_ONCE(*available_word(q, RING_INDEX), now);
    q->published = now;
    io_fence();
    if (q->event_index)
        return (u16)(now - READ_ONCE(*available_event(q)) - 1) < (u16)(now - before);
    return !(READ_ONCE(*word_at(q, q->used_at + RING_FLAGS)) & USED_NO_NOTIFY);
}

/* ------------------------------------------------------------ back from it */

static void free_slot(struct virtq *q, u32 slot)
{
    u32 last = slot;

    for (u32 i = 1; i < q->slot[slot].pieces; i++)
        last = q->next[last];
    q->next[last] = q->free;
    q->free = (u16)slot;
    q->free_count = (u16)(q->free_count + q->slot[slot].pieces);
    q->slot[slot] = (struct virtq_slot){0};
}

enum virtq_taken virtq_take(struct virtq *q, void **token, u32 *slot, u32 *written)
{
    const u16 index = READ_ONCE(*word_at(q, q->used_at + RING_INDEX));
    const u16 ready = (u16)(index - q->taken);

    if (ready == 0)
        return VIRTQ_NOTHING;
    if (ready > (u16)(q->published - q->taken))
        return VIRTQ_BROKEN;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    const u32 at = q->used_at + RING_ENTRIES + q->taken % q->size * USED_ENTRY;
    const u32 *entry = (const u32 *)(const void *)word_at(q, at);
    const u32 id = READ_ONCE(entry[0]), len = READ_ONCE(entry[1]);

    if (id >= q->size || !q->slot[id].shown || len > q->slot[id].writable)
        return VIRTQ_BROKEN;
    *token = q->slot[id].token;
    *slot = id;
    *written = len;
    free_slot(q, id);
    q->taken++;
    return VIRTQ_TAKEN;
}

bool virtq_rearm(struct virtq *q)
{
    return virtq_interrupts(q, q->interrupts);
}

bool virtq_interrupts(struct virtq *q, bool on)
{
    q->interrupts = on;
    /* Off: at a count that is passed already, and comes again after 2^16 requests. */
    if (q->event_index)
        WRITE_ONCE(*used_event(q), (u16)(on ? q->taken : q->taken - 1));
    else
        WRITE_ONCE(*available_word(q, RING_FLAGS), (u16)(on ? 0 : AVAILABLE_NO_INTERRUPT));
    io_fence();
    return READ_ONCE(*word_at(q, q->used_at + RING_INDEX)) != q->taken;
}

void *virtq_token(const struct virtq *q, u32 slot)
{
    return slot < q->size ? q->slot[slot].token : NULL;
}
