/* Descriptors of the 8254x; see e1000_ring.h.  Pure. */
#include "drivers/io/e1000_ring.h"

enum {
    TX_EOP = BIT32(24),  /* the frame ends here */
    TX_IFCS = BIT32(25), /* append the frame check sequence */
    TX_RS = BIT32(27),   /* report status */
    TX_DEXT = BIT32(29), /* extended form */
    TX_DATA = BIT32(20),
};
enum { TX_STATUS_DONE = 0x01, TX_OPTION_SUM = 0x0200 };
enum { RX_DONE = 0x01, RX_EOP = 0x02 };
/* CRC or alignment, symbol, sequence, carrier extension, data; not those of the checksums. */
enum { RX_ERRORS = 0x97 };

u32 e1000_upto(const struct e1000_span *s, u32 index)
{
    if (index >= s->size)
        return 0;
    const u32 count = (index + s->size - s->first) % s->size + 1;
    return count <= s->used ? count : 0;
}

u32 e1000_tx_needs(const struct nic_frame *f)
{
    return f->segments + (f->offload.flags & NIC_SUM_PARTIAL ? 1 : 0);
}

err_t e1000_tx_check(const struct nic_offload *o)
{
    if (o->flags & ~NIC_SUM_PARTIAL)
        return E_NOTSUP;
    if ((o->flags & NIC_SUM_PARTIAL) && o->sum_start + o->sum_offset > UINT8_MAX)
        return E_NOTSUP;
    return OK;
}

static u32 put(struct e1000_tx *ring, struct e1000_span *s, const struct e1000_tx *d)
{
    const u32 at = e1000_tail(s);

    ring[at] = *d;
    s->used++;
    return at;
}

u32 e1000_tx_fill(struct e1000_tx *ring, struct e1000_span *s, const struct nic_frame *f)
{
    const bool sum = f->offload.flags & NIC_SUM_PARTIAL;
    u32 at = e1000_tail(s);

    if (sum) {
        const u64 start = f->offload.sum_start, place = start + f->offload.sum_offset;
        /* To the end of the frame: an end of 0. */
        const struct e1000_tx context = {.address = start << 32 | place << 40, .command = TX_DEXT};
        at = put(ring, s, &context);
    }
    for (u32 i = 0; i < f->segments; i++) {
        struct e1000_tx data = {.address = f->segment[i].bus,
                                .command = f->segment[i].len | TX_DATA | TX_DEXT | TX_IFCS,
                                .status = sum ? TX_OPTION_SUM : 0};
        if (i + 1 == f->segments)
            data.command |= TX_EOP | TX_RS;
        at = put(ring, s, &data);
    }
    return at;
}

bool e1000_tx_done(u32 status)
{
    return status & TX_STATUS_DONE;
}

enum e1000_received e1000_rx_judge(const struct e1000_rx *d, u32 room, bool parts, u32 *len)
{
    *len = 0;
    if (!(d->status & RX_DONE))
        return E1000_RX_EMPTY;
    if (d->length > room)
        return E1000_RX_NONSENSE;
    if (!(d->status & RX_EOP))
        return E1000_RX_PART;
    if (parts)
        return E1000_RX_PART_END;
    if (d->errors & RX_ERRORS)
        return E1000_RX_ERROR;
    if (d->length < NIC_FRAME_MIN)
        return E1000_RX_NONSENSE;
    *len = d->length;
    return E1000_RX_FRAME;
}
