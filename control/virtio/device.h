/* What all virtio devices have in common: the state that the PCI transport shows to a driver, the
 * queues, and the ways to interrupts and messages.  A device type is a struct with this at its
 * beginning, and a table of functions.
 * OASIS VIRTIO 1.2, "Basic Facilities of a Virtio Device", "Virtio Over PCI Bus".  Pure.
 *
 * Nothing here waits.  A kick only makes a note; virtio_work() takes chains, a bounded number at a
 * time, so that a driver that never stops leaves time to others.  What is given back is shown to
 * the driver at the end of virtio_work(): the event loop calls it for each device after it has
 * polled the back ends, until it returns false. A broken queue stops its device:
 * DEVICE_NEEDS_RESET, and a line for the log. */
#pragma once
#include "control/pci/pci.h"
#include "control/virtio/ring.h"
#include "lib/atomic.h"

#define VIRTIO_QUEUES_MAX 17u  /* queues of a device: eight pairs and a control queue */
#define VIRTIO_STATE_MAX  512u /* bytes of a device type that control/virtio/keep.h keeps */

struct virtio_device;

/* What came of looking at a queue. */
enum virtio_work {
    VIRTIO_WORK_DONE, /* all chains are taken: the driver tells of the next one */
    VIRTIO_WORK_MORE, /* there may be more: call again */
    VIRTIO_WORK_WAIT, /* none can be taken now; the device calls virtio_kick() when that changes */
};

struct virtio_ops {
    /* A driver has accepted `features`.  NULL: good; else why not.  May be NULL itself. */
    const char *(*check_features)(const struct virtio_device *v, u64 features);
    /* Device configuration: 1, 2 or 4 bytes, aligned, inside of config_len. */
    u32 (*config_read)(struct virtio_device *v, u32 offset, unsigned width);
    void (*config_write)(struct virtio_device *v, u32 offset, unsigned width,
                         u32 value); /* or NULL */
    /* Take chains of this queue, at most its size of them. */
    enum virtio_work (*work)(struct virtio_device *v, u16 queue);
    /* The queue stops, alone or with all others, for it is reset or the device is broken: what is
     * kept of its chains is void, and nobody may wait for it.  What is held stays so until it is
     * released, and is not given back.  May be NULL. */
    void (*queue_reset)(struct virtio_device *v, u16 queue);
    /* The driver has begun: its features stand.  May be NULL. */
    void (*driver_ok)(struct virtio_device *v);
    /* The device is as after power-on.  May be NULL. */
    void (*reset)(struct virtio_device *v);
};

struct virtio_queue {
    u16 size, vector;
    u64 desc, driver, device; /* gpa */
    bool enabled;
    bool resetting;                /* waits until nothing is held */
    u32 held;                      /* chains that a back end works on: guest's memory is in use */
    struct vring_journal *journal; /* or NULL */
    struct vring ring;
};

struct virtio_counters {
    u64 kicks, interrupts;
    u64 refused; /* drivers' words that were ignored */
};

struct virtio_device {
    struct pci_device pci;
    const struct virtio_ops *ops;
    const struct grant *grant;
    u64 offered;    /* feature bits */
    u16 type;       /* VIRTIO_ID_* */
    u16 queues;     /* how many */
    u16 queue_size; /* of each, at most */
    u32 config_len; /* bytes of the device configuration */

    /* The driver's doing. */
    u64 features;
    bool features_beyond; /* it wants some above bit 63 */
    u32 device_select, driver_select;
    u16 queue_select, config_vector;
    u8 status, generation, isr;
    bool resetting;
    struct virtio_queue queue[VIRTIO_QUEUES_MAX];

    u32 kicked;  /* one bit a queue: work() is due */
    u32 polled;  /*   it always is, and no kick is wanted */
    u32 given;   /*   chains were given back and not shown */
    void *state; /* what a driver has set in the device type; NULL: nothing */
    u32 state_len;
    bool changed; /* since control/virtio/keep.h has looked */
    u32 *mark;    /* whose work is being done, in memory that a crash leaves alone; NULL: nowhere */
    u32 number;   /*   this device there; not 0 */
    struct virtio_counters counters;
};

/* Before virtio_pci_init(): what a device type is.  `grant` may be empty yet. */
struct virtio_type {
    const struct virtio_ops *ops;
    u64 features; /* beside those of the transport */
    u16 type, queues, queue_size;
    u32 config_len;
};
void virtio_init(struct virtio_device *v, const struct virtio_type *type,
                 const struct grant *grant);

/* Where the journals of all queues are, one behind the other: for a device that goes on after a
 * crash. */
void virtio_use_journals(struct virtio_device *v, struct vring_journal *journals);

/* While this device's work is done, *mark is `number`, which is not 0, so that the next program
 * knows over whose work this one has died. */
void virtio_use_mark(struct virtio_device *v, u32 *mark, u32 number);

/* ---- for the event loop ---- */

/* A driver has told of chains in a queue; any number is taken. */
void virtio_kick(struct virtio_device *v, u32 queue);
/* Whether a queue is looked at in each virtio_work(), so that its driver need not tell. */
void virtio_poll_queue(struct virtio_device *v, u16 queue, bool polled);
/* Does what is due: after each access to the device, each doorbell, each poll of its back end.
 * True: there is more; call again, after the others had their turn. */
bool virtio_work(struct virtio_device *v);
/* Forgets the driver; done at once if nothing is held, else when the last of it is released. */
void virtio_reset(struct virtio_device *v);

/* ---- for device types ---- */

/* Whether chains of a queue may be taken. */
bool virtio_running(const struct virtio_device *v, u16 queue);
/* Gives a chain back, `written` bytes of it filled; nothing if its queue is being reset. */
void virtio_give(struct virtio_device *v, u16 queue, u16 head, u32 written);
/* A chain's memory is in the hands of a back end, until the release. */
void virtio_hold(struct virtio_device *v, u16 queue);
void virtio_release(struct virtio_device *v, u16 queue);
/* For what is done outside of virtio_work(): from here on it is this device's work.  Returns whose
 * it was before, for virtio_end_work(): a frame comes in the middle of its sender's work. */
static inline u32 virtio_begin_work(const struct virtio_device *v)
{
    return v->mark ? atomic_xchg(v->mark, v->number) : 0;
}
static inline void virtio_end_work(const struct virtio_device *v, u32 before)
{
    if (v->mark)
        store_release(v->mark, before);
}
/* The device configuration is another one now: tells the driver. */
void virtio_config_changed(struct virtio_device *v);
/* The driver has done what none may do.  The device stops until it is reset. */
void virtio_broken(struct virtio_device *v, const char *text);
static inline bool virtio_has(const struct virtio_device *v, u64 feature)
{
    return (v->features & feature) != 0;
}

/* ---- for control/virtio/keep.c ---- */

/* The queue is as the driver has set it up, and goes on by its journal. */
void virtio_resume_queue(struct virtio_device *v, u16 queue);
/* All is as it was: looks at each queue, and interrupts for what may not have been told. */
void virtio_resumed(struct virtio_device *v);

/* ---- for the transport ---- */

void virtio_set_status(struct virtio_device *v, u8 status);
/* Something has changed for all queues: looks at each once. */
void virtio_kick_all(struct virtio_device *v);
void virtio_enable_queue(struct virtio_device *v, u16 queue);
void virtio_reset_queue(struct virtio_device *v, u16 queue);
/* The driver has read the interrupt status, which clears it. */
u8 virtio_take_isr(struct virtio_device *v);
/* Says that something of the driver's was ignored; ever more rarely, for it may go on for ever. */
void virtio_refused(struct virtio_device *v, const char *text);
