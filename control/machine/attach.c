/* See attach.h. */
#include "control/machine/attach.h"
#include "control/machine/machine.h"
#include "control/rt.h"

#define FUNCTIONS_MAX 64u
#define CLASS_DISKS   0x01u
#define CLASS_NETWORK 0x02u

static struct pci pci;
static struct pci_function function[FUNCTIONS_MAX];

static const struct attach *const drivers[] = {&attach_ide, &attach_e1000, &attach_virtio_blk,
                                               &attach_virtio_net};

static const struct attach *driver_of(const struct pci_function *f)
{
    for (u32 i = 0; i < ARRAY_LEN(drivers); i++)
        if (drivers[i]->is(f))
            return drivers[i];
    return NULL;
}

static void quiet(const struct pci_function *f)
{
    const struct attach *const d = driver_of(f);

    if (!d)
        return;
    if (d->quiet)
        d->quiet(f);
    pci_command(f, 0, PCI_COMMAND_MASTER);
}

static void start(struct pci_function *f)
{
    const struct attach *const d = driver_of(f);

    if (d)
        d->start(f);
    else if (f->class == CLASS_DISKS)
        machine_refuse(f, "disk controller", "there is no driver; IDE and virtio have one");
    else if (f->class == CLASS_NETWORK)
        machine_refuse(f, "network card",
                       "there is no driver; Intel's 82540EM (8086:100e) and virtio have one");
}

void attach_devices(void)
{
    u32 count = 0;

    if (pci_open_ports(&pci, machine_env()) != OK)
        return;
    if (pci_scan(&pci, function, FUNCTIONS_MAX, &count) != OK)
        say("pci: more than %u functions; the others are not looked at", FUNCTIONS_MAX);
    count = MIN(count, FUNCTIONS_MAX);
    for (u32 i = 0; i < count; i++)
        quiet(&function[i]);
    for (u32 i = 0; i < count; i++)
        start(&function[i]);
    if (machine_disks() == 0 && machine_cards() == 0)
        say("no disks and no network cards that can be used");
}
