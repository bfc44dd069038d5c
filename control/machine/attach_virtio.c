/* Virtio disks and network cards, which machines that are virtual themselves have; see attach.h. */
#include "control/machine/attach.h"
#include "control/machine/machine.h"
#include "drivers/io/virtio_blk.h"
#include "drivers/io/virtio_net.h"
#include "lib/fmt.h"

#define QUEUES 1u /* who is above uses the first one */

static bool is_disk(const struct pci_function *f)
{
    return virtio_type_of(f) == VIRTIO_BLK;
}

static bool is_card(const struct pci_function *f)
{
    return virtio_type_of(f) == VIRTIO_NET;
}

/* That a device is no longer master of the bus does not end what a program that plays the device
 * has begun.  What does not confirm that it has ended will not start, either. */
static void quiet(const struct pci_function *f)
{
    (void)virtio_quieten(f);
}

/* Most machines have none: what a driver needs for one is taken when it is found. */
static err_t take(u32 bytes, struct io_dma *room)
{
    struct io_env *const env = machine_env();

    return env->ops->dma_alloc(env, bytes, (u32)PAGE_SIZE, UINT64_MAX, room);
}

static void give_back(const struct pci_function *f, const char *what, err_t err,
                      const struct io_dma *room)
{
    machine_env()->ops->dma_free(machine_env(), room);
    machine_refuse(f, what, machine_reason(err));
}

static void add_disk(struct disk *d)
{
    char what[sizeof(d->id) + 8];

    fmt_buf(what, sizeof(what), "disk%s%s", d->id[0] ? " " : "", d->id);
    machine_add_disk(d, "virtio", what);
}

static void start_disk(struct pci_function *f)
{
    struct virtio_blk *b;
    struct io_dma room;
    err_t err;

    if (machine_disks() == MACHINE_DISKS || take(sizeof(*b), &room) != OK) {
        machine_refuse(f, "virtio disk", "there are too many, or no memory is left");
        return;
    }
    b = room.at;
    err = virtio_blk_start(b, f, machine_env(), QUEUES);
    if (err == OK)
        add_disk(&b->disk);
    else
        give_back(f, "virtio disk", err, &room);
}

static void add_card(const struct pci_function *f, struct nic *n)
{
    char what[24];

    fmt_buf(what, sizeof(what), "virtio-net %04x:%04x", f->vendor, f->id);
    machine_add_card(n, what);
}

static void start_card(struct pci_function *f)
{
    struct virtio_net *n;
    struct io_dma room;
    err_t err;

    if (machine_cards() == MACHINE_CARDS || take(sizeof(*n), &room) != OK) {
        machine_refuse(f, "virtio network card", "there are too many, or no memory is left");
        return;
    }
    n = room.at;
    err = virtio_net_start(n, f, machine_env());
    if (err == OK)
        add_card(f, &n->nic);
    else
        give_back(f, "virtio network card", err, &room);
}

const struct attach attach_virtio_blk = {.is = is_disk, .quiet = quiet, .start = start_disk};
const struct attach attach_virtio_net = {.is = is_card, .quiet = quiet, .start = start_card};
