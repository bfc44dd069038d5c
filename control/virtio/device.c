/* What all virtio devices have in common; see device.h.  Pure. */
#include "control/virtio/device.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define TRANSPORT_FEATURES                                                                         \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET)
#define STATUS_STOPPED (VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_FAILED)

static void say(struct virtio_device *v, const char *text)
{
    v->pci.bus->host->say(v->pci.bus->ctx, &v->pci, text);
}

void virtio_refused(struct virtio_device *v, const char *text)
{
    v->counters.refused++;
    if ((v->counters.refused & (v->counters.refused - 1)) == 0)
        say(v, text);
}

/* ---- interrupts ---- */

static void interrupt(struct virtio_device *v, u16 vector, u8 isr)
{
    v->counters.interrupts++;
    if (pci_msix_enabled(&v->pci)) {
        pci_msix_raise(&v->pci, vector); /* nothing for VIRTIO_MSI_NO_VECTOR */
        return;
    }
    v->isr |= isr;
    pci_set_line(&v->pci, true);
}

u8 virtio_take_isr(struct virtio_device *v)
{
    const u8 isr = v->isr;

    v->isr = 0;
    pci_set_line(&v->pci, false);
    return isr;
}

void virtio_config_changed(struct virtio_device *v)
{
    v->generation++;
    v->changed = true;
    if (v->status & VIRTIO_STATUS_DRIVER_OK)
        interrupt(v, v->config_vector, VIRTIO_ISR_CONFIG);
}

/* Others may wait for what this device will not do any more. */
static void stop(struct virtio_device *v, u8 why)
{
    v->status |= why;
    v->kicked = 0;
    v->changed = true;
    for (u16 queue = 0; queue < v->queues; queue++)
        if (v->queue[queue].enabled && v->ops->queue_reset)
            v->ops->queue_reset(v, queue);
}

void virtio_broken(struct virtio_device *v, const char *text)
{
    if (v->status & VIRTIO_STATUS_NEEDS_RESET)
        return;
    stop(v, VIRTIO_STATUS_NEEDS_RESET);
    say(v, text);
    virtio_config_changed(v);
}

static void broken_queue(struct virtio_device *v, u16 queue)
{
    char fault[160], text[200];

    vring_fault_text(&v->queue[queue].ring.fault, fault, sizeof(fault));
    (void)fmt_buf(text, sizeof(text), "queue %u: %s; the device needs a reset", queue, fault);
    virtio_broken(v, text);
}

/* ---- queues ---- */

static void queue_defaults(struct virtio_device *v, u16 queue)
{
    v->queue[queue] = (struct virtio_queue){.size = v->queue_size,
                                            .vector = VIRTIO_MSI_NO_VECTOR,
                                            .held = v->queue[queue].held,
                                            .journal = v->queue[queue].journal};
    v->changed = true;
    v->kicked &= ~BIT32(queue);
    v->given &= ~BIT32(queue);
}

static struct vring_place place_of(const struct virtio_device *v, u16 queue)
{
    const struct virtio_queue *const q = &v->queue[queue];

    return (struct vring_place){.size = q->size,
                                .desc = {q->desc},
                                .avail = {q->driver},
                                .used = {q->device},
                                .event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX),
                                .indirect = virtio_has(v, VIRTIO_F_INDIRECT_DESC),
                                .journal = q->journal};
}

void virtio_use_journals(struct virtio_device *v, struct vring_journal *journals)
{
    for (u16 queue = 0; queue < v->queues; queue++)
        v->queue[queue].journal = &journals[queue];
}

void virtio_use_mark(struct virtio_device *v, u32 *mark, u32 number)
{
    v->mark = mark;
    v->number = number;
}

void virtio_resume_queue(struct virtio_device *v, u16 queue)
{
    struct virtio_queue *const q = &v->queue[queue];
    const struct vring_place place = place_of(v, queue);

    q->enabled = q->journal && vring_resume(&q->ring, v->grant, &place) == OK;
    if (!q->enabled)
        virtio_broken(v, "a queue cannot go on after a restart; the device needs a reset");
}

void virtio_resumed(struct virtio_device *v)
{
    if (!(v->status & VIRTIO_STATUS_DRIVER_OK))
        return;
    if (v->ops->driver_ok)
        v->ops->driver_ok(v);
    virtio_kick_all(v);
    for (u16 queue = 0; queue < v->queues; queue++)
        if (v->queue[queue].enabled)
            interrupt(v, v->queue[queue].vector, VIRTIO_ISR_QUEUE);
    interrupt(v, v->config_vector, VIRTIO_ISR_CONFIG); /* one may have been under way */
}

void virtio_enable_queue(struct virtio_device *v, u16 queue)
{
    struct virtio_queue *const q = &v->queue[queue];
    const struct vring_place place = place_of(v, queue);

    if (q->enabled || q->resetting || (v->status & STATUS_STOPPED))
        return;
    if (!(v->status & VIRTIO_STATUS_FEATURES_OK)) {
        virtio_refused(v, "a queue was enabled before FEATURES_OK; ignored");
        return;
    }
    q->enabled = vring_start(&q->ring, v->grant, &place) == OK;
    if (!q->enabled)
        broken_queue(v, queue);
}

bool virtio_running(const struct virtio_device *v, u16 queue)
{
    const struct virtio_queue *const q = &v->queue[queue];

    return q->enabled && q->ring.fault.error == VRING_OK &&
           (v->status & (VIRTIO_STATUS_DRIVER_OK | STATUS_STOPPED)) == VIRTIO_STATUS_DRIVER_OK &&
           pci_command_has(&v->pci, PCI_COMMAND_MASTER);
}

void virtio_kick(struct virtio_device *v, u32 queue)
{
    v->counters.kicks++;
    if (queue < v->queues)
        v->kicked |= BIT32(queue);
}

void virtio_kick_all(struct virtio_device *v)
{
    v->kicked = BIT32(v->queues) - 1;
}

void virtio_poll_queue(struct virtio_device *v, u16 queue, bool polled)
{
    if (polled)
        v->polled |= BIT32(queue);
    else
        v->polled &= ~BIT32(queue);
    v->kicked |= BIT32(queue);
}

void virtio_give(struct virtio_device *v, u16 queue, u16 head, u32 written)
{
    if (!v->queue[queue].enabled)
        return;
    vring_give(&v->queue[queue].ring, head, written);
    v->given |= BIT32(queue);
}

static void show_given(struct virtio_device *v)
{
    for (u32 left = v->given; left != 0; left &= left - 1) {
        const u16 queue = (u16)__builtin_ctz(left);
        if (vring_publish(&v->queue[queue].ring))
            interrupt(v, v->queue[queue].vector, VIRTIO_ISR_QUEUE);
    }
    v->given = 0;
}

/* True: look again. */
static bool work_on(struct virtio_device *v, u16 queue)
{
    struct vring *const ring = &v->queue[queue].ring;
    const bool polled = v->polled >> queue & 1;

    (void)vring_want_kicks(ring, false);
    switch (v->ops->work(v, queue)) {
    case VIRTIO_WORK_DONE: return !polled && vring_want_kicks(ring, true);
    case VIRTIO_WORK_MORE: return true;
    case VIRTIO_WORK_WAIT: break;
    }
    return false;
}

bool virtio_work(struct virtio_device *v)
{
    const u32 due = v->kicked | v->polled, before = virtio_begin_work(v);

    v->kicked = 0;
    for (u32 left = due; left != 0; left &= left - 1) {
        const u16 queue = (u16)__builtin_ctz(left);
        if (virtio_running(v, queue) && work_on(v, queue))
            v->kicked |= BIT32(queue);
    }
    show_given(v);
    for (u16 queue = 0; queue < v->queues; queue++)
        if (v->queue[queue].enabled && v->queue[queue].ring.fault.error != VRING_OK)
            broken_queue(v, queue);
    virtio_end_work(v, before);
    return v->kicked != 0;
}

/* ---- resets ---- */

static void finish_reset(struct virtio_device *v)
{
    for (u16 queue = 0; queue < v->queues; queue++) {
        if (v->queue[queue].held != 0)
            return;
    }
    for (u16 queue = 0; queue < v->queues; queue++)
        queue_defaults(v, queue);
    v->features = 0;
    v->features_beyond = false;
    v->device_select = v->driver_select = 0;
    v->queue_select = 0;
    v->config_vector = VIRTIO_MSI_NO_VECTOR;
    v->resetting = false;
    v->status = 0;
    (void)virtio_take_isr(v);
    if (v->ops->reset)
        v->ops->reset(v);
}

/* From here on no chain is taken or given back. */
static void stop_queue(struct virtio_device *v, u16 queue)
{
    const bool was_enabled = v->queue[queue].enabled;

    v->queue[queue].enabled = false;
    v->given &= ~BIT32(queue);
    if (was_enabled && v->ops->queue_reset)
        v->ops->queue_reset(v, queue);
}

void virtio_reset(struct virtio_device *v)
{
    for (u16 queue = 0; queue < v->queues; queue++)
        stop_queue(v, queue);
    v->resetting = true;
    finish_reset(v);
}

void virtio_reset_queue(struct virtio_device *v, u16 queue)
{
    struct virtio_queue *const q = &v->queue[queue];

    if (!virtio_has(v, VIRTIO_F_RING_RESET) || q->resetting || !q->enabled)
        return;
    stop_queue(v, queue);
    if (q->held == 0)
        queue_defaults(v, queue);
    else
        q->resetting = true;
}

void virtio_hold(struct virtio_device *v, u16 queue)
{
    v->queue[queue].held++;
}

void virtio_release(struct virtio_device *v, u16 queue)
{
    if (--v->queue[queue].held != 0)
        return;
    if (v->resetting)
        finish_reset(v);
    else if (v->queue[queue].resetting)
        queue_defaults(v, queue);
}

void virtio_init(struct virtio_device *v, const struct virtio_type *type, const struct grant *grant)
{
    memset(v, 0, sizeof(*v));
    v->ops = type->ops;
    v->grant = grant;
    v->type = type->type;
    v->offered = type->features | TRANSPORT_FEATURES;
    v->queues = type->queues;
    v->queue_size = type->queue_size;
    v->config_len = type->config_len;
    v->config_vector = VIRTIO_MSI_NO_VECTOR;
    for (u16 queue = 0; queue < v->queues; queue++)
        queue_defaults(v, queue);
}

/* ---- the device status field ---- */

/* Why the driver's choice of features is no good; NULL: it is. */
static const char *check_features(const struct virtio_device *v)
{
    if (!virtio_has(v, VIRTIO_F_VERSION_1))
        return "the driver does not accept VIRTIO_F_VERSION_1; FEATURES_OK refused";
    if (v->features_beyond || (v->features & ~v->offered) != 0)
        return "the driver accepts features that were not offered; FEATURES_OK refused";
    return v->ops->check_features ? v->ops->check_features(v, v->features) : NULL;
}

static bool features_ok(struct virtio_device *v)
{
    const char *const wrong = check_features(v);

    if (wrong)
        virtio_refused(v, wrong);
    return !wrong;
}

/* Bits are only ever added; 0 resets. */
void virtio_set_status(struct virtio_device *v, u8 status)
{
    u8 added = (u8)(status & ~v->status);

    if (v->resetting)
        return;
    if (status == 0) {
        virtio_reset(v);
        return;
    }
    v->status |= added & (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    if (added & VIRTIO_STATUS_FAILED) {
        stop(v, VIRTIO_STATUS_FAILED);
        say(v, "the driver has given up");
    }
    if ((added & VIRTIO_STATUS_FEATURES_OK) && features_ok(v))
        v->status |= VIRTIO_STATUS_FEATURES_OK;
    if (!(added & VIRTIO_STATUS_DRIVER_OK))
        return;
    if (!(v->status & VIRTIO_STATUS_FEATURES_OK)) {
        virtio_refused(v, "DRIVER_OK without FEATURES_OK; ignored");
        return;
    }
    v->status |= VIRTIO_STATUS_DRIVER_OK;
    if (v->ops->driver_ok)
        v->ops->driver_ok(v);
    virtio_kick_all(v);
}
