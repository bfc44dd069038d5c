/* IDE disks and CD drives; see attach.h. */
#include "control/machine/attach.h"
#include "control/machine/machine.h"
#include "drivers/io/ide.h"
#include "lib/fmt.h"

#define NAME_MAX 8u

static struct ide_channel channel[MACHINE_DISKS / IDE_DRIVES];
static u32 channels;

static bool is_ide(const struct pci_function *f)
{
    return f->class == IDE_CLASS && f->subclass == IDE_SUBCLASS;
}

static void add_drive(struct ide_drive *d)
{
    char what[sizeof(d->id.model) + 12];

    fmt_buf(what, sizeof(what), "%s %s", d->id.packet ? "CD drive" : "disk", d->id.model);
    machine_add_disk(&d->disk, "ide", what);
}

static const char *name_of(u32 number)
{
    return number ? "second IDE channel of" : "first IDE channel of";
}

static void start_channel(const struct pci_function *f, u32 number)
{
    struct ide_channel *const c = &channel[channels];
    struct ata_place place;
    char name[NAME_MAX];
    err_t err = ide_place(f, number, &place);

    fmt_buf(name, sizeof(name), "ata%u", channels);
    if (err == OK)
        err = ide_start(c, machine_env(), &place, name);
    if (err == E_NOENT) /* nothing is connected */
        return;
    if (err != OK) {
        machine_refuse(f, name_of(number),
                       err == E_NOTSUP
                           ? "it has no bus master, or the firmware has not placed its registers"
                           : machine_reason(err));
        return;
    }
    channels++;
    for (u32 i = 0; i < IDE_DRIVES; i++)
        if (c->drive[i].present)
            add_drive(&c->drive[i]);
}

static void start_ide(struct pci_function *f)
{
    pci_measure_bars(f);
    for (u32 i = 0; i < IDE_CHANNELS; i++)
        if (channels < ARRAY_LEN(channel) && machine_disks() + IDE_DRIVES <= MACHINE_DISKS)
            start_channel(f, i);
        else
            machine_refuse(f, name_of(i), "there are too many");
}

/* Its bus masters move what the earlier life has told them to until each is stopped.  Bus Master
 * IDE Controller Programming Interface, "Bus Master IDE Command Register". */
static void quiet_ide(const struct pci_function *f)
{
    const u32 bar = pci_read(f, PCI_BAR + 4 * 4, 4);
    struct io_window w;

    if ((bar & 3) != 1 || (bar & 0xfffc) == 0 ||
        machine_env()->ops->ports(machine_env(), (u16)(bar & 0xfffc), 16, &w) != OK)
        return;
    io_write8(&w, 0, 0);
    io_write8(&w, 8, 0);
}

const struct attach attach_ide = {.is = is_ide, .quiet = quiet_ide, .start = start_ide};
