/* What of a virtio device outlives this program; see keep.h.  Pure. */
#include "control/virtio/keep.h"
#include "lib/atomic.h"
#include "lib/mem.h"

/* FNV-1a: no defence against an attacker, who would be in this program. */
static u64 sum_of(const struct virtio_kept_copy *c)
{
    u64 sum = 0xcbf29ce484222325ull;

    for (size_t i = 0; i < offsetof(struct virtio_kept_copy, sum); i++)
        sum = (sum ^ ((const u8 *)c)[i]) * 0x100000001b3ull;
    return sum;
}

static void copy_out(const struct virtio_device *v, struct virtio_kept_copy *c)
{
    memset(c, 0, sizeof(*c));
    c->type = v->type, c->queues = v->queues;
    c->features = v->features, c->features_beyond = v->features_beyond;
    /* A reset that waits for a back end is over when that is gone, too. */
    c->status = v->resetting ? 0 : v->status;
    c->generation = v->generation;
    c->config_vector = v->config_vector, c->queue_select = v->queue_select;
    c->device_select = v->device_select, c->driver_select = v->driver_select;
    for (u16 i = 0; i < v->queues; i++) {
        const struct virtio_queue *const q = &v->queue[i];
        c->queue[i] = (struct virtio_kept_queue){.desc = q->desc,
                                                 .driver = q->driver,
                                                 .device = q->device,
                                                 .size = q->size,
                                                 .vector = q->vector,
                                                 .enabled = q->enabled};
    }
    memcpy(c->config, v->pci.config, sizeof(c->config));
    memcpy(c->msix, v->pci.msix.entry, sizeof(c->msix));
    if (v->state)
        memcpy(c->state, v->state, v->state_len);
    c->sum = sum_of(c);
}

void virtio_keep(struct virtio_device *v, struct virtio_kept *kept)
{
    if (!v->changed)
        return;
    v->changed = false;
    const u32 next = kept->latest == 1 ? 2 : 1;
    copy_out(v, &kept->copy[next - 1]);
    store_release(&kept->latest, next);
}

/* ---- and back ---- */

static bool good(const struct virtio_device *v, const struct virtio_kept_copy *c)
{
    if (c->sum != sum_of(c) || c->type != v->type || c->queues != v->queues ||
        ((c->status & VIRTIO_STATUS_FEATURES_OK) && (c->features & ~v->offered) != 0))
        return false;
    for (u16 i = 0; i < v->queues; i++)
        if (c->queue[i].size == 0 || c->queue[i].size > v->queue_size)
            return false;
    return true;
}

static void restore_pci(struct virtio_device *v, const struct virtio_kept_copy *c)
{
    struct pci_device *const d = &v->pci;

    for (u32 i = 0; i < PCI_CONFIG_SIZE; i++)
        d->config[i] = (u8)((d->config[i] & ~d->writable[i]) | (c->config[i] & d->writable[i]));
    for (u16 i = 0; i < d->msix.vectors; i++)
        for (u32 word = 0; word < 4; word++)
            pci_msix_write(d, i * 16u + word * 4, 4, c->msix[i][word]);
    pci_bars_update(d->bus);
}

/* What the driver has set up, without the rings. */
static err_t restore(struct virtio_device *v, const struct virtio_kept *kept)
{
    if (kept->latest == 0)
        return E_NOENT;
    if (kept->latest > ARRAY_LEN(kept->copy) || !good(v, &kept->copy[kept->latest - 1]))
        return E_INVAL;
    const struct virtio_kept_copy *const c = &kept->copy[kept->latest - 1];
    restore_pci(v, c);
    if (c->status == 0)
        return OK;
    v->features = c->features, v->features_beyond = c->features_beyond;
    v->status = c->status;
    v->generation = c->generation;
    v->config_vector = c->config_vector, v->queue_select = c->queue_select;
    v->device_select = c->device_select, v->driver_select = c->driver_select;
    if (v->state)
        memcpy(v->state, c->state, v->state_len);
    for (u16 i = 0; i < v->queues; i++) {
        struct virtio_queue *const q = &v->queue[i];
        q->desc = c->queue[i].desc, q->driver = c->queue[i].driver, q->device = c->queue[i].device;
        q->size = c->queue[i].size, q->vector = c->queue[i].vector;
    }
    return OK;
}

err_t virtio_restore(struct virtio_device *v, const struct virtio_kept *kept)
{
    TRY(restore(v, kept));
    if (v->status == 0)
        return OK;
    const struct virtio_kept_copy *const c = &kept->copy[kept->latest - 1];
    const u32 before = virtio_begin_work(v);

    for (u16 i = 0; i < v->queues; i++)
        if (c->queue[i].enabled)
            virtio_resume_queue(v, i);
    virtio_resumed(v);
    virtio_end_work(v, before);
    return OK;
}

err_t virtio_restore_failed(struct virtio_device *v, const struct virtio_kept *kept,
                            const char *why)
{
    TRY(restore(v, kept));
    if (v->status != 0)
        virtio_broken(v, why);
    return OK;
}
