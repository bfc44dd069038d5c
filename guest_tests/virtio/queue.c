/* The driver's side of a split virtqueue; see queue.h. */
#include "guest_tests/virtio/queue.h"

#define AVAIL_AT 2048u
#define USED_AT  2560u
_Static_assert(QUEUE_SIZE * sizeof(struct virtq_desc) <= AVAIL_AT, "the table fits");
_Static_assert(AVAIL_AT + 4 + 2 * QUEUE_SIZE + 2 <= USED_AT, "the available ring fits");
_Static_assert(USED_AT + 4 + 8 * QUEUE_SIZE + 2 <= PAGE_SIZE, "the used ring fits");

/* Behind the rings. */
static volatile u16 *used_event(const struct queue *q)
{
    return (volatile u16 *)&q->avail->ring[q->size];
}

static volatile u16 *avail_event(const struct queue *q)
{
    return (volatile u16 *)(void *)&q->used->ring[q->size];
}

static void full_barrier(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

static void compiler_barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

static void make_empty(struct queue *q)
{
    memset(q->page, 0, sizeof(q->page));
    q->desc = (struct virtq_desc *)(void *)q->page;
    q->avail = (struct virtq_avail *)(void *)(q->page + AVAIL_AT);
    q->used = (struct virtq_used *)(void *)(q->page + USED_AT);
    for (u16 i = 0; i < QUEUE_SIZE; i++)
        q->next[i] = (u16)(i + 1), q->out[i] = false;
    q->free = 0;
    q->free_count = q->size;
    q->avail_idx = q->shown = q->seen = 0;
    q->kicks = 0;
}

/* In halves, as the specification wants it. */
static void put_address(volatile u64 *field, const void *area)
{
    ((volatile u32 *)field)[0] = (u32)(u64)area;
    ((volatile u32 *)field)[1] = (u32)((u64)area >> 32);
}

bool queue_start(struct queue *q, struct virtio_device *v, u16 number, u16 size, u16 vector)
{
    volatile struct virtio_pci_common *const c = v->common;

    c->queue_select = number;
    q->number = number;
    q->size = (u16)MIN(MIN(size, QUEUE_SIZE), c->queue_size);
    if (!EXPECT_NE(q->size, 0))
        return false;
    q->event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX);
    make_empty(q);
    q->v = v;
    q->doorbell = c->queue_notify_off * v->notify_multiplier;
    c->queue_size = q->size;
    c->queue_msix_vector = vector;
    if (!EXPECT_EQ(c->queue_msix_vector, vector))
        return false;
    put_address(&c->queue_desc, q->desc);
    put_address(&c->queue_driver, q->avail);
    put_address(&c->queue_device, q->used);
    c->queue_enable = 1;
    queue_interrupts(q, vector != VIRTIO_MSI_NO_VECTOR);
    return EXPECT_EQ(c->queue_enable, 1);
}

/* ---- to the device ---- */

static void describe(struct virtq_desc *d, const struct queue_part *part, u16 next, bool last)
{
    *d = (struct virtq_desc){
        .addr = (u64)part->at,
        .len = part->len,
        .flags = (u16)((part->in ? VIRTQ_DESC_F_WRITE : 0) | (last ? 0 : VIRTQ_DESC_F_NEXT)),
        .next = last ? 0 : next,
    };
}

/* `n` descriptors from the list of free ones become a chain. */
static u16 take_free(struct queue *q, u32 n)
{
    const u16 head = q->free;
    u16 last = head;

    if (n == 0 || q->free_count < n)
        return QUEUE_NONE;
    for (u32 i = 1; i < n; i++)
        last = q->next[last];
    q->free = q->next[last];
    q->free_count = (u16)(q->free_count - n);
    q->next[last] = QUEUE_NONE;
    return head;
}

static u16 make_available(struct queue *q, u16 head)
{
    q->avail->ring[q->avail_idx++ % q->size] = head;
    q->out[head] = true;
    return head;
}

u16 queue_add(struct queue *q, const struct queue_part *parts, u32 n)
{
    const u16 head = take_free(q, n);

    if (head == QUEUE_NONE)
        return QUEUE_NONE;
    for (u16 at = head; at != QUEUE_NONE; at = q->next[at])
        describe(&q->desc[at], parts++, q->next[at], q->next[at] == QUEUE_NONE);
    return make_available(q, head);
}

u16 queue_add_indirect(struct queue *q, const struct queue_part *parts, u32 n,
                       struct virtq_desc *table)
{
    const u16 head = take_free(q, 1);

    if (head == QUEUE_NONE)
        return QUEUE_NONE;
    for (u32 i = 0; i < n; i++)
        describe(&table[i], &parts[i], (u16)(i + 1), i + 1 == n);
    q->desc[head] = (struct virtq_desc){
        .addr = (u64)table, .len = n * (u32)sizeof(*table), .flags = VIRTQ_DESC_F_INDIRECT};
    return make_available(q, head);
}

void queue_ring(struct queue *q)
{
    q->kicks++;
    virtio_notify(q->v, q->doorbell, q->number);
}

void queue_kick(struct queue *q)
{
    const u16 old = q->shown;

    compiler_barrier(); /* stores are seen in order */
    *(volatile u16 *)&q->avail->idx = q->avail_idx;
    q->shown = q->avail_idx;
    full_barrier(); /* shown before it is asked whether to tell */
    if (q->event_idx ? virtq_passed(*avail_event(q), q->shown, old)
                     : !(*(volatile u16 *)&q->used->flags & VIRTQ_USED_NO_NOTIFY))
        queue_ring(q);
}

/* ---- from the device ---- */

u16 queue_take(struct queue *q, u32 *written)
{
    const struct virtq_used_elem *const e = &q->used->ring[q->seen % q->size];

    if (!queue_has(q))
        return QUEUE_NONE;
    compiler_barrier(); /* loads are done in order */
    const u16 head = (u16)e->id;
    u16 last = head;

    *written = e->len;
    q->seen++;
    if (!EXPECT_TRUE(e->id < q->size && q->out[e->id]))
        return QUEUE_NONE;
    q->out[head] = false;
    for (q->free_count++; q->next[last] != QUEUE_NONE; q->free_count++)
        last = q->next[last];
    q->next[last] = q->free;
    q->free = head;
    return head;
}

bool queue_wait(const struct queue *q, u64 ticks)
{
    const u64 start = rdtsc();

    while (!queue_has(q)) {
        if (rdtsc() - start > ticks)
            return false;
        cpu_pause();
    }
    return true;
}

void queue_interrupts(struct queue *q, bool wanted)
{
    q->avail->flags = wanted || q->event_idx ? 0 : (u16)VIRTQ_AVAIL_NO_INTERRUPT;
    *used_event(q) = (u16)(wanted ? q->seen : q->seen - 1);
    full_barrier();
}
