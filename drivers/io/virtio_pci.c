/* The modern PCI transport of virtio; see virtio.h.  Virtual I/O Device (VIRTIO) Version 1.2, 4.1
 * "Virtio Over PCI Bus".  Pure. */
#include "drivers/io/virtio.h"
#include "lib/mem.h"

#define VENDOR          0x1af4u
#define ID_TRANSITIONAL 0x1000u
#define ID_MODERN       0x1040u
#define ID_END          0x1080u

/* 4.1.4 "Virtio Structure PCI Capabilities". */
enum {
    CAP_LEN = 2,
    CAP_TYPE = 3,
    CAP_BAR = 4,
    CAP_OFFSET = 8,
    CAP_LENGTH = 12,
    CAP_MULTIPLIER = 16, /* of TYPE_NOTIFY */
    CAP_DATA = 16        /* of TYPE_PCI */
};
enum { TYPE_COMMON = 1, TYPE_NOTIFY = 2, TYPE_ISR = 3, TYPE_DEVICE = 4, TYPE_PCI = 5 };
#define CAPABILITIES_MAX 48u

/* 4.1.4.3 "Common configuration structure layout". */
enum {
    DEVICE_FEATURE_SELECT = 0,
    DEVICE_FEATURE = 4,
    DRIVER_FEATURE_SELECT = 8,
    DRIVER_FEATURE = 12,
    CONFIG_MSIX_VECTOR = 16,
    NUM_QUEUES = 18,
    DEVICE_STATUS = 20,
    CONFIG_GENERATION = 21,
    QUEUE_SELECT = 22,
    QUEUE_SIZE = 24,
    QUEUE_MSIX_VECTOR = 26,
    QUEUE_ENABLE = 28,
    QUEUE_NOTIFY_OFF = 30,
    QUEUE_DESC = 32,
    QUEUE_DRIVER = 40,
    QUEUE_DEVICE = 48,
    COMMON_LEN = 56,
};
#define NO_VECTOR 0xffffu

/* 2.1 "Device Status Field". */
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };

/* 4.1.4.5 "ISR status capability". */
enum { ISR_QUEUE = 1, ISR_CONFIG = 2, ISR_KNOWN = 3 };

#define RESET_LIMIT_US   1000000u
#define RESET_STEP_US    20u
#define GENERATION_TRIES 8u

enum virtio_type virtio_type_of(const struct pci_function *f)
{
    if (f->vendor != VENDOR || f->id < ID_TRANSITIONAL || f->id >= ID_END)
        return VIRTIO_NONE;

    const u32 type = f->id >= ID_MODERN ? f->id - ID_MODERN : f->subsystem;

    return type == VIRTIO_NET || type == VIRTIO_BLK ? (enum virtio_type)type : VIRTIO_NONE;
}

/* ------------------------------------------------------------ finding the registers */

static struct io_window *window_of(struct virtio *v, u32 type)
{
    switch (type) {
    case TYPE_COMMON: return &v->common;
    case TYPE_NOTIFY: return &v->notify;
    case TYPE_ISR: return &v->isr;
    case TYPE_DEVICE: return &v->device;
    default: return NULL;
    }
}

/* Of several capabilities of one type the first that can be used counts. */
static void take_capability(struct virtio *v, u32 at)
{
    struct io_window *w = window_of(v, pci_read(&v->f, at + CAP_TYPE, 1));
    struct io_window bar;

    if (w == NULL || w->len != 0)
        return;
    if (pci_map_bar(&v->f, pci_read(&v->f, at + CAP_BAR, 1), &bar) != OK ||
        io_part(&bar, pci_read(&v->f, at + CAP_OFFSET, 4), pci_read(&v->f, at + CAP_LENGTH, 4),
                w) != OK)
        return;
    if (w == &v->notify)
        v->notify_multiplier = pci_read(&v->f, at + CAP_MULTIPLIER, 4);
}

static err_t find_registers(struct virtio *v)
{
    u8 at = 0;

    for (u32 i = 0; i < CAPABILITIES_MAX; i++) {
        at = pci_capability(&v->f, PCI_CAP_VENDOR, at);
        if (at == 0)
            break;
        take_capability(v, at);
    }
    if (v->common.len == 0)
        return E_NOTSUP;
    return v->common.len >= COMMON_LEN && v->notify.len >= 2 && v->isr.len >= 1 ? OK : E_IO;
}

/* ------------------------------------------------------------ without registers */

static u8 capability_of(const struct pci_function *f, u32 type)
{
    u8 at = 0;

    for (u32 i = 0; i < CAPABILITIES_MAX; i++) {
        at = pci_capability(f, PCI_CAP_VENDOR, at);
        if (at == 0 || pci_read(f, at + CAP_TYPE, 1) == type)
            return at;
    }
    return 0;
}

/* 4.1.4.9 "PCI configuration access capability": a register of a BAR that nobody has mapped. */
err_t virtio_quieten(const struct pci_function *f)
{
    struct io_env *const env = f->pci->env;
    const u8 common = capability_of(f, TYPE_COMMON), way = capability_of(f, TYPE_PCI);
    const u64 end = io_now(env) + RESET_LIMIT_US;

    if (common == 0 || way == 0)
        return E_NOTSUP;
    pci_write(f, way + CAP_BAR, 1, pci_read(f, common + CAP_BAR, 1));
    pci_write(f, way + CAP_OFFSET, 4, pci_read(f, common + CAP_OFFSET, 4) + DEVICE_STATUS);
    pci_write(f, way + CAP_LENGTH, 4, 1);
    pci_write(f, way + CAP_DATA, 1, 0);
    while (pci_read(f, way + CAP_DATA, 1) != 0) {
        if (io_now(env) > end)
            return E_IO;
        env->ops->delay(env, RESET_STEP_US);
    }
    return OK;
}

/* ------------------------------------------------------------ resetting it */

static void add_status(struct virtio *v, u8 bits)
{
    io_write8(&v->common, DEVICE_STATUS, io_read8(&v->common, DEVICE_STATUS) | bits);
}

void virtio_cut_off(struct virtio *v)
{
    pci_command(&v->f, PCI_COMMAND_INTX_OFF, PCI_COMMAND_MASTER);
}

err_t virtio_halt(struct virtio *v)
{
    const u64 end = io_now(v->env) + RESET_LIMIT_US;

    io_write8(&v->common, DEVICE_STATUS, 0);
    while (io_read8(&v->common, DEVICE_STATUS) != 0) {
        if (io_now(v->env) > end) {
            virtio_cut_off(v);
            return E_IO;
        }
        v->env->ops->delay(v->env, RESET_STEP_US);
    }
    return OK;
}

err_t virtio_open(struct virtio *v, const struct pci_function *f, struct io_env *env)
{
    *v = (struct virtio){.env = env, .f = *f};
    pci_measure_bars(&v->f);
    TRY(find_registers(v));
    pci_command(&v->f, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 0);
    TRY(virtio_halt(v));
    pci_command(&v->f, PCI_COMMAND_MASTER, 0);
    return OK;
}

/* ------------------------------------------------------------ starting the device */

static u64 device_features(struct virtio *v)
{
    u64 features = 0;

    for (u32 i = 0; i < 2; i++) {
        io_write32(&v->common, DEVICE_FEATURE_SELECT, i);
        features |= (u64)io_read32(&v->common, DEVICE_FEATURE) << (32 * i);
    }
    return features;
}

err_t virtio_negotiate(struct virtio *v, u64 wanted, u64 needed)
{
    wanted |= VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM;
    needed |= VIRTIO_F_VERSION_1;
    add_status(v, ACKNOWLEDGE);
    add_status(v, DRIVER);
    v->features = device_features(v) & (wanted | needed);
    if ((v->features & needed) != needed)
        return E_NOTSUP;
    for (u32 i = 0; i < 2; i++) {
        io_write32(&v->common, DRIVER_FEATURE_SELECT, i);
        io_write32(&v->common, DRIVER_FEATURE, (u32)(v->features >> (32 * i)));
    }
    add_status(v, FEATURES_OK);
    return io_read8(&v->common, DEVICE_STATUS) & FEATURES_OK ? OK : E_NOTSUP;
}

err_t virtio_queue_open(struct virtio *v, u32 queue, struct virtq *q)
{
    if (queue >= VIRTIO_QUEUES_MAX || queue >= io_read16(&v->common, NUM_QUEUES))
        return E_NOENT;
    io_write16(&v->common, QUEUE_SELECT, (u16)queue);

    const u32 size_max = io_read16(&v->common, QUEUE_SIZE);

    if (size_max == 0)
        return E_NOENT;
    TRY(virtq_open(q, v->env, size_max, v->features & VIRTIO_F_EVENT_IDX,
                   v->features & VIRTIO_F_INDIRECT_DESC));
    v->queue[queue] = q;
    return OK;
}

/* The entry that speaks for a queue: its own if there are so many. */
static u32 entry_of(const struct virtio *v, u32 queue)
{
    return MIN(queue + 1, v->vectors - 1);
}

static void write64(const struct io_window *w, u32 offset, u64 value)
{
    io_write32(w, offset, (u32)value);
    io_write32(w, offset + 4, (u32)(value >> 32));
}

static err_t tell_queue(struct virtio *v, u32 queue)
{
    const struct virtq *q = v->queue[queue];
    const struct io_window *c = &v->common;

    io_write16(c, QUEUE_SELECT, (u16)queue);
    if (io_read16(c, QUEUE_SIZE) < q->size)
        return E_IO;
    io_write16(c, QUEUE_SIZE, (u16)q->size);
    write64(c, QUEUE_DESC, virtq_descriptors(q));
    write64(c, QUEUE_DRIVER, virtq_available(q));
    write64(c, QUEUE_DEVICE, virtq_used(q));
    if (v->messages) {
        io_write16(c, QUEUE_MSIX_VECTOR, (u16)entry_of(v, queue));
        if (io_read16(c, QUEUE_MSIX_VECTOR) != entry_of(v, queue))
            return E_IO;
    }

    const u64 notify = (u64)io_read16(c, QUEUE_NOTIFY_OFF) * v->notify_multiplier;

    if (notify + 2 > v->notify.len)
        return E_IO;
    v->notify_at[queue] = (u32)notify;
    io_write16(c, QUEUE_ENABLE, 1);
    return OK;
}

static err_t tell_all(struct virtio *v)
{
    if (v->messages) {
        io_write16(&v->common, CONFIG_MSIX_VECTOR, 0);
        if (io_read16(&v->common, CONFIG_MSIX_VECTOR) != 0)
            return E_IO;
    }
    for (u32 i = 0; i < VIRTIO_QUEUES_MAX; i++)
        if (v->queue[i] != NULL)
            TRY(tell_queue(v, i));
    add_status(v, DRIVER_OK);
    return OK;
}

/* ------------------------------------------------------------ interrupts */

static void queues_of(struct virtio *v, u32 entry)
{
    for (u32 i = 0; i < VIRTIO_QUEUES_MAX; i++)
        if (v->queue[i] != NULL && (!v->messages || entry_of(v, i) == entry))
            v->on_queue(v, i);
}

static bool on_message(void *arg)
{
    const struct virtio_vector *vector = arg;

    vector->v->counts->interrupts++;
    queues_of(vector->v, vector->entry);
    if (vector->entry == 0)
        vector->v->on_config(vector->v);
    return true;
}

/* Reading the register lets the line go. */
static bool on_line(void *arg)
{
    const struct virtio_vector *vector = arg;
    struct virtio *v = vector->v;
    const u8 isr = io_read8(&v->isr, 0);

    if (isr == 0 || (isr & ~ISR_KNOWN)) /* not ours, or all ones: gone */
        return false;
    v->counts->interrupts++;
    if (isr & ISR_QUEUE)
        queues_of(v, 0);
    if (isr & ISR_CONFIG)
        v->on_config(v);
    return true;
}

static void attach_messages(struct virtio *v)
{
    u32 wanted = 1;

    if (pci_msix_open(&v->f, &v->msix) != OK)
        return;
    for (u32 i = 0; i < VIRTIO_QUEUES_MAX; i++)
        if (v->queue[i] != NULL)
            wanted = i + 2;
    for (u32 i = 0; i < MIN(wanted, v->msix.entries); i++) {
        struct virtio_vector *vector = &v->vector[i];

        *vector = (struct virtio_vector){.v = v, .entry = i};
        vector->irq.handler = on_message;
        vector->irq.arg = vector;
        if (pci_msix_attach(&v->msix, i, &vector->irq) != OK)
            break;
        v->vectors++;
    }
    v->messages = v->vectors != 0;
    if (!v->messages)
        pci_msix_close(&v->msix);
}

static void attach_interrupts(struct virtio *v)
{
    attach_messages(v);
    if (v->messages)
        return;
    v->vector[0] = (struct virtio_vector){.v = v};
    v->vector[0].irq.handler = on_line;
    v->vector[0].irq.arg = &v->vector[0];
    if (pci_irq_attach(&v->f, PCI_IRQ_INTX, &v->vector[0].irq) == OK)
        v->vectors = 1;
}

err_t virtio_start(struct virtio *v)
{
    attach_interrupts(v);
    return tell_all(v);
}

err_t virtio_restart(struct virtio *v)
{
    const u64 features = v->features;

    for (u32 i = 0; i < VIRTIO_QUEUES_MAX; i++)
        if (v->queue[i] != NULL)
            virtq_clear(v->queue[i]);
    TRY(virtio_negotiate(v, features, features));
    return tell_all(v);
}

void virtio_close(struct virtio *v)
{
    if (v->messages) {
        for (u32 i = 0; i < v->vectors; i++)
            pci_msix_detach(&v->msix, i, &v->vector[i].irq);
        pci_msix_close(&v->msix);
    } else if (v->vectors != 0) {
        pci_irq_detach(&v->f, &v->vector[0].irq);
    }
    for (u32 i = 0; i < VIRTIO_QUEUES_MAX; i++)
        if (v->queue[i] != NULL)
            virtq_close(v->queue[i]);
    v->vectors = 0;
    v->messages = false;
    memset(v->queue, 0, sizeof(v->queue));
    pci_command(&v->f, 0, PCI_COMMAND_MASTER);
}

/* ------------------------------------------------------------ running */

void virtio_notify(struct virtio *v, u32 queue)
{
    if (queue >= VIRTIO_QUEUES_MAX || v->queue[queue] == NULL || !virtq_publish(v->queue[queue]))
        return;
    v->counts->kicks++;
    io_write16(&v->notify, v->notify_at[queue], (u16)queue);
}

bool virtio_is_broken(const struct virtio *v)
{
    return io_read8(&v->common, DEVICE_STATUS) & NEEDS_RESET;
}

u32 virtio_config(const struct virtio *v, u32 offset, u32 width)
{
    return io_read(&v->device, offset, width);
}

err_t virtio_config64(const struct virtio *v, u32 offset, u64 *value)
{
    for (u32 tries = 0; tries < GENERATION_TRIES; tries++) {
        const u8 generation = io_read8(&v->common, CONFIG_GENERATION);
        const u32 low = io_read32(&v->device, offset), high = io_read32(&v->device, offset + 4);

        *value = (u64)high << 32 | low;
        if (io_read8(&v->common, CONFIG_GENERATION) == generation)
            return OK;
    }
    return E_IO;
}
