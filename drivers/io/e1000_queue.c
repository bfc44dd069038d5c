/* The frames and buffers in the rings of an e1000; see e1000_queue.h. */
#include "drivers/io/e1000_queue.h"
#include "lib/mem.h"

static struct e1000_rx *rx_ring(const struct e1000 *e)
{
    return (struct e1000_rx *)e->rx_memory.at;
}

static struct e1000_tx *tx_ring(const struct e1000 *e)
{
    return (struct e1000_tx *)e->tx_memory.at;
}

static void end_frame(struct e1000 *e, struct nic_frame *f, enum io_result result)
{
    f->result = result;
    f->next = e->ended;
    e->ended = f;
}

void e1000_tell(struct e1000 *e)
{
    struct nic_frame *list = NULL;

    while (e->ended != NULL) {
        struct nic_frame *f = e->ended;

        e->ended = f->next;
        f->next = list;
        list = f;
    }
    nic_sent(&e->nic, list);
}

static struct nic_frame *take_frame(struct e1000 *e)
{
    struct nic_frame *f = e->first;

    if (f != NULL)
        e->first = f->next;
    return f;
}

void e1000_put_frame(struct e1000 *e, struct nic_frame *f)
{
    f->slot = e1000_tx_fill(tx_ring(e), &e->tx, f);
    f->next = NULL;
    if (e->first == NULL)
        e->first = f;
    else
        e->last->next = f;
    e->last = f;
    e->tx_kick = true;
}

void e1000_reap(struct e1000 *e)
{
    while (e->first != NULL && e1000_tx_done(READ_ONCE(tx_ring(e)[e->first->slot].status))) {
        struct nic_frame *f = take_frame(e);
        const u32 count = e1000_upto(&e->tx, f->slot);

        e->tx.first = e1000_next(&e->tx, f->slot);
        e->tx.used -= count;
        end_frame(e, f, IO_DONE);
    }
}

void e1000_put_buffer(struct e1000 *e, struct nic_buffer *b)
{
    const u32 at = e1000_tail(&e->rx);

    rx_ring(e)[at] = (struct e1000_rx){.address = b->memory.bus};
    e->buffer[at] = b;
    e->rx.used++;
    e->rx_kick = true;
}

static struct nic_buffer *take_buffer(struct e1000 *e)
{
    struct nic_buffer *b = e->buffer[e->rx.first];

    e->buffer[e->rx.first] = NULL;
    e->rx.first = e1000_next(&e->rx, e->rx.first);
    e->rx.used--;
    return b;
}

static void give(struct e1000 *e, struct nic_buffer *b, enum e1000_received what, u32 len)
{
    static const struct nic_offload none;
    struct io_counts *counts = &e->nic.counts;

    if (what == E1000_RX_FRAME)
        counts->received++;
    else if (what != E1000_RX_PART) /* one error for all parts of a frame */
        counts->errors++;
    if (what == E1000_RX_NONSENSE)
        counts->nonsense++;
    b->next = NULL;
    e->nic.user->received(&e->nic, b, len, &none, what == E1000_RX_FRAME ? IO_DONE : IO_ERROR);
}

bool e1000_receive(struct e1000 *e)
{
    for (u32 i = 0; i < E1000_RX_RING; i++) {
        struct e1000_rx d;
        u32 len;

        if (e->rx.used == 0)
            return false;
        const struct e1000_rx *from = &rx_ring(e)[e->rx.first];
        /* The status first: the rest counts if it says so, and is judged as copied. */
        const u8 status = READ_ONCE(from->status);
        io_fence();
        copy_opaque(&d, from, sizeof(d));
        d.status = status;
        const enum e1000_received what = e1000_rx_judge(&d, E1000_RX_BYTES, e->parts, &len);
        if (what == E1000_RX_EMPTY)
            return false;
        e->parts = what == E1000_RX_PART;
        give(e, take_buffer(e), what, len);
    }
    return true;
}

struct nic_buffer *e1000_empty(struct e1000 *e, enum io_result result)
{
    struct nic_buffer *list = NULL, *last = NULL;
    struct nic_frame *f;

    while ((f = take_frame(e)) != NULL)
        end_frame(e, f, result);
    while (e->rx.used > 0) {
        struct nic_buffer *b = take_buffer(e);

        b->next = NULL;
        if (last == NULL)
            list = b;
        else
            last->next = b;
        last = b;
    }
    e->rx = (struct e1000_span){.size = E1000_RX_RING};
    e->tx = (struct e1000_span){.size = E1000_TX_RING};
    e->receiving = e->parts = e->rx_kick = e->tx_kick = false;
    return list;
}
