/* What all network cards have in common; see nic.h.  Pure. */
#include "drivers/io/nic.h"

#define VLAN_TAG 4u

/* What the flags of an offload need the card to be able to do. */
static u32 needs(const struct nic_offload *o)
{
    return (o->flags & NIC_SUM_PARTIAL ? NIC_CAN_SUM : 0) |
           (o->flags & NIC_SEGMENT_TCP4 ? NIC_CAN_SEGMENT_TCP4 : 0) |
           (o->flags & NIC_SEGMENT_TCP6 ? NIC_CAN_SEGMENT_TCP6 : 0);
}

static err_t check_offload(const struct nic *n, const struct nic_offload *o, u64 len)
{
    const u32 segment = o->flags & (NIC_SEGMENT_TCP4 | NIC_SEGMENT_TCP6);

    if (o->flags & ~(NIC_SUM_PARTIAL | NIC_SEGMENT_TCP4 | NIC_SEGMENT_TCP6))
        return E_INVAL;
    if ((n->features & needs(o)) != needs(o))
        return E_NOTSUP;
    /* The sum has two bytes, which lie in the frame. */
    if ((o->flags & NIC_SUM_PARTIAL) && (u64)o->sum_start + o->sum_offset + 2 > len)
        return E_INVAL;
    if (segment == (NIC_SEGMENT_TCP4 | NIC_SEGMENT_TCP6))
        return E_INVAL;
    if (segment != 0 && (!(o->flags & NIC_SUM_PARTIAL) || o->segment_len == 0 ||
                         o->header_len < NIC_HEADER || o->header_len > len))
        return E_INVAL;
    return OK;
}

static err_t check_frame(const struct nic *n, const struct nic_frame *f)
{
    const bool segmented = f->offload.flags & (NIC_SEGMENT_TCP4 | NIC_SEGMENT_TCP6);
    const u64 longest = segmented ? 0xffff : (u64)n->mtu + NIC_HEADER + VLAN_TAG;
    u64 len = 0;

    if (f->queue >= n->tx_queues || f->segments == 0 || f->segments > n->segments_max)
        return E_INVAL;
    for (u32 i = 0; i < f->segments; i++) {
        const struct io_segment *s = &f->segment[i];

        if (s->len == 0 || s->bus > n->bus_last || s->len - 1 > n->bus_last - s->bus)
            return E_INVAL;
        len += s->len;
    }
    if (len < NIC_FRAME_MIN || len > longest)
        return E_INVAL;
    return check_offload(n, &f->offload, len);
}

static err_t check_buffer(const struct nic *n, const struct nic_buffer *b)
{
    const struct io_segment *s = &b->memory;

    return b->queue < n->rx_queues && s->len >= n->buffer_min && s->bus <= n->bus_last &&
                   s->len - 1 <= n->bus_last - s->bus
               ? OK
               : E_INVAL;
}

err_t nic_send(struct nic *n, struct nic_frame *f)
{
    if (n->lost)
        return E_IO;
    TRY(check_frame(n, f));
    TRY(n->ops->send(n, f));
    n->counts.requests++;
    return OK;
}

err_t nic_post(struct nic *n, struct nic_buffer *b)
{
    if (n->lost)
        return E_IO;
    TRY(check_buffer(n, b));
    return n->ops->post(n, b);
}

void nic_kick(struct nic *n)
{
    if (!n->lost)
        n->ops->kick(n);
}

u64 nic_poll(struct nic *n)
{
    return n->lost ? IO_NEVER : n->ops->poll(n);
}

void nic_interrupts(struct nic *n, bool on)
{
    if (!n->lost)
        n->ops->interrupts(n, on);
}

err_t nic_receive_mode(struct nic *n, u32 mode)
{
    return n->lost ? E_IO : n->ops->receive_mode(n, mode);
}

err_t nic_reset(struct nic *n)
{
    return n->lost ? E_IO : n->ops->reset(n);
}

void nic_stop(struct nic *n)
{
    n->ops->stop(n);
}

void nic_sent(struct nic *n, struct nic_frame *list)
{
    while (list != NULL) {
        struct nic_frame *f = list;

        list = f->next;
        f->next = NULL;
        if (f->result != IO_DONE)
            n->counts.errors++;
        f->sent(f, f->result);
    }
}

void nic_return(struct nic *n, struct nic_buffer *list, enum io_result result)
{
    static const struct nic_offload none;

    while (list != NULL) {
        struct nic_buffer *b = list;

        list = b->next;
        b->next = NULL;
        n->user->received(n, b, 0, &none, result);
    }
}

void nic_lose(struct nic *n)
{
    if (n->lost)
        return;
    n->lost = true;
    if (n->user != NULL && n->user->event != NULL)
        n->user->event(n, NIC_LOST);
}
