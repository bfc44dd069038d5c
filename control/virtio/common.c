/* The common configuration structure, field by field; see common.h.  Pure. */
#include "control/virtio/common.h"

#define HIGH(value, high) (((value)&0xffffffffull) | (u64)(high) << 32)
#define LOW(value, low)   (((value) & ~0xffffffffull) | (low))

/* The queue that queue_select names; NULL: there is none. */
static struct virtio_queue *selected(struct virtio_device *v)
{
    return v->queue_select < v->queues ? &v->queue[v->queue_select] : NULL;
}

/* The same if the driver may set it up now. */
static struct virtio_queue *open_queue(struct virtio_device *v)
{
    struct virtio_queue *const q = selected(v);

    return q && !q->enabled && !q->resetting ? q : NULL;
}

static u16 good_vector(const struct virtio_device *v, u32 vector)
{
    return vector < v->pci.msix.vectors ? (u16)vector : VIRTIO_MSI_NO_VECTOR;
}

/* ---- fields of the device ---- */

static u32 get_device_select(struct virtio_device *v)
{
    return v->device_select;
}

static void set_device_select(struct virtio_device *v, u32 value)
{
    v->device_select = value;
}

static u32 get_device_features(struct virtio_device *v)
{
    return v->device_select < 2 ? (u32)(v->offered >> 32 * v->device_select) : 0;
}

static u32 get_driver_select(struct virtio_device *v)
{
    return v->driver_select;
}

static void set_driver_select(struct virtio_device *v, u32 value)
{
    v->driver_select = value;
}

static u32 get_driver_features(struct virtio_device *v)
{
    return v->driver_select < 2 ? (u32)(v->features >> 32 * v->driver_select) : 0;
}

static void set_driver_features(struct virtio_device *v, u32 value)
{
    if (v->status & VIRTIO_STATUS_FEATURES_OK)
        return;
    if (v->driver_select == 0)
        v->features = LOW(v->features, value);
    else if (v->driver_select == 1)
        v->features = HIGH(v->features, value);
    else if (value != 0)
        v->features_beyond = true;
}

static u32 get_config_vector(struct virtio_device *v)
{
    return v->config_vector;
}

static void set_config_vector(struct virtio_device *v, u32 value)
{
    v->config_vector = good_vector(v, value);
}

static u32 get_queues(struct virtio_device *v)
{
    return v->queues;
}

static u32 get_status(struct virtio_device *v)
{
    return v->status;
}

static void set_status(struct virtio_device *v, u32 value)
{
    virtio_set_status(v, (u8)value);
}

static u32 get_generation(struct virtio_device *v)
{
    return v->generation;
}

static u32 get_queue_select(struct virtio_device *v)
{
    return v->queue_select;
}

static void set_queue_select(struct virtio_device *v, u32 value)
{
    v->queue_select = (u16)value;
}

/* ---- fields of the selected queue ---- */

static u32 get_size(struct virtio_device *v)
{
    const struct virtio_queue *const q = selected(v);

    return q ? q->size : 0;
}

static void set_size(struct virtio_device *v, u32 value)
{
    struct virtio_queue *const q = open_queue(v);

    if (q && value != 0 && value <= v->queue_size && (value & (value - 1)) == 0)
        q->size = (u16)value;
    else
        virtio_refused(v, "a queue's size that is no power of two, or too big; ignored");
}

static u32 get_vector(struct virtio_device *v)
{
    const struct virtio_queue *const q = selected(v);

    return q ? q->vector : VIRTIO_MSI_NO_VECTOR;
}

static void set_vector(struct virtio_device *v, u32 value)
{
    struct virtio_queue *const q = selected(v);

    if (q)
        q->vector = good_vector(v, value);
}

static u32 get_enable(struct virtio_device *v)
{
    const struct virtio_queue *const q = selected(v);

    return q && (q->enabled || q->resetting);
}

static void set_enable(struct virtio_device *v, u32 value)
{
    if (value == 1 && selected(v))
        virtio_enable_queue(v, v->queue_select);
}

static u32 get_notify_off(struct virtio_device *v)
{
    return selected(v) ? v->queue_select : 0;
}

static u32 get_reset(struct virtio_device *v)
{
    const struct virtio_queue *const q = selected(v);

    return q && q->resetting;
}

static void set_reset(struct virtio_device *v, u32 value)
{
    if (value == 1 && selected(v))
        virtio_reset_queue(v, v->queue_select);
}

/* The three addresses, in halves. */
#define ADDRESS(name, member)                                                                      \
    static u32 get_##name##_low(struct virtio_device *v)                                           \
    {                                                                                              \
        return selected(v) ? (u32)selected(v)->member : 0;                                         \
    }                                                                                              \
    static u32 get_##name##_high(struct virtio_device *v)                                          \
    {                                                                                              \
        return selected(v) ? (u32)(selected(v)->member >> 32) : 0;                                 \
    }                                                                                              \
    static void set_##name##_low(struct virtio_device *v, u32 value)                               \
    {                                                                                              \
        if (open_queue(v))                                                                         \
            open_queue(v)->member = LOW(open_queue(v)->member, value);                             \
    }                                                                                              \
    static void set_##name##_high(struct virtio_device *v, u32 value)                              \
    {                                                                                              \
        if (open_queue(v))                                                                         \
            open_queue(v)->member = HIGH(open_queue(v)->member, value);                            \
    }
ADDRESS(desc, desc)
ADDRESS(driver, driver)
ADDRESS(device, device)

// clang-format off
#define AT(field) offsetof(struct virtio_pci_common, field)
static const struct field {
    u8 at, width;
    u32 (*get)(struct virtio_device *v);
    void (*set)(struct virtio_device *v, u32 value); /* NULL: read-only */
} fields[] = {
    { AT(device_feature_select), 4, get_device_select,   set_device_select },
    { AT(device_feature),        4, get_device_features, NULL },
    { AT(driver_feature_select), 4, get_driver_select,   set_driver_select },
    { AT(driver_feature),        4, get_driver_features, set_driver_features },
    { AT(config_msix_vector),    2, get_config_vector,   set_config_vector },
    { AT(num_queues),            2, get_queues,          NULL },
    { AT(device_status),         1, get_status,          set_status },
    { AT(config_generation),     1, get_generation,      NULL },
    { AT(queue_select),          2, get_queue_select,    set_queue_select },
    { AT(queue_size),            2, get_size,            set_size },
    { AT(queue_msix_vector),     2, get_vector,          set_vector },
    { AT(queue_enable),          2, get_enable,          set_enable },
    { AT(queue_notify_off),      2, get_notify_off,      NULL },
    { AT(queue_desc),            4, get_desc_low,        set_desc_low },
    { AT(queue_desc) + 4,        4, get_desc_high,       set_desc_high },
    { AT(queue_driver),          4, get_driver_low,      set_driver_low },
    { AT(queue_driver) + 4,      4, get_driver_high,     set_driver_high },
    { AT(queue_device),          4, get_device_low,      set_device_low },
    { AT(queue_device) + 4,      4, get_device_high,     set_device_high },
    { AT(queue_reset),           2, get_reset,           set_reset },
};
// clang-format on

static const struct field *field_at(u32 offset, unsigned width)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].at == offset && fields[i].width == width)
            return &fields[i];
    return NULL;
}

u32 virtio_common_read(struct virtio_device *v, u32 offset, unsigned width)
{
    const struct field *const f = field_at(offset, width);

    return f ? f->get(v) : 0;
}

void virtio_common_write(struct virtio_device *v, u32 offset, unsigned width, u32 value)
{
    const struct field *const f = field_at(offset, width);

    if (f && f->set && !v->resetting)
        f->set(v, value);
}
