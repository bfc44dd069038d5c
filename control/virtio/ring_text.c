/* What was wrong with a virtqueue, in words.  Pure. */
#include "control/virtio/ring.h"
#include "lib/fmt.h"

enum where { OF_QUEUE, OF_INDEX, OF_CHAIN, OF_MEMORY };

// clang-format off
static const struct { const char *text; enum where where; } errors[VRING_ERRORS] = {
    [VRING_SIZE]         = { "the queue's size is no power of two up to 32768", OF_QUEUE },
    [VRING_ALIGN]        = { "an area of the queue is not aligned", OF_QUEUE },
    [VRING_AREA]         = { "an area of the queue is not in the guest's memory", OF_QUEUE },
    [VRING_AVAIL_IDX]    = { "avail.idx is further ahead than the queue is long", OF_INDEX },
    [VRING_OPEN]         = { "more chains are outstanding than there are descriptors", OF_CHAIN },
    [VRING_INDEX]        = { "there is no such descriptor", OF_CHAIN },
    [VRING_LOOP]         = { "the chain is a loop", OF_CHAIN },
    [VRING_LONG]         = { "the chain has more buffers than the device takes", OF_CHAIN },
    [VRING_BYTES]        = { "the chain's buffers have 4 GiB or more", OF_MEMORY },
    [VRING_ORDER]        = { "a buffer to be read follows one to be written", OF_MEMORY },
    [VRING_BUFFER]       = { "a buffer is not in the guest's memory", OF_MEMORY },
    [VRING_NO_INDIRECT]  = { "indirect descriptors were not negotiated", OF_MEMORY },
    [VRING_NESTED]       = { "an indirect table is not the last descriptor of a queue's chain", OF_MEMORY },
    [VRING_TABLE_LENGTH] = { "an indirect table has not 1 to 1024 whole descriptors", OF_MEMORY },
    [VRING_TABLE]        = { "an indirect table is not in the guest's memory", OF_MEMORY },
};
// clang-format on

void vring_fault_text(const struct vring_fault *f, char *text, size_t size)
{
    char where[96] = "";

    if (f->error == VRING_OK) {
        if (size != 0)
            text[0] = 0;
        return;
    }
    switch (errors[f->error].where) {
    case OF_QUEUE: (void)fmt_buf(where, sizeof(where), " (0x%lx, %u)", f->at.v, f->len); break;
    case OF_INDEX: (void)fmt_buf(where, sizeof(where), " (%u after %u)", f->index, f->head); break;
    case OF_CHAIN:
        (void)fmt_buf(where, sizeof(where), " (chain %u, descriptor %u)", f->head, f->index);
        break;
    case OF_MEMORY:
        (void)fmt_buf(where, sizeof(where), " (chain %u, descriptor %u: 0x%lx, %u bytes)", f->head,
                      f->index, f->at.v, f->len);
        break;
    }
    (void)fmt_buf(text, size, "%s%s", errors[f->error].text, where);
}
