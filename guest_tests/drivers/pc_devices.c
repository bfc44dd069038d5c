/* See pc_devices.h. */
#include "guest_tests/drivers/pc_devices.h"
#include "drivers/io/e1000.h"
#include "drivers/io/ide.h"
#include "guest_tests/drivers/env.h"

/* With its BARs, which are measured before anybody uses it. */
static struct pci_function controller;
static struct ide_channel channel[IDE_CHANNELS];
static struct e1000 card[NICS_MAX];

bool is_ide(const struct pci_function *f)
{
    return f->class == IDE_CLASS && f->subclass == IDE_SUBCLASS;
}

err_t start_ide(struct disk_place *p)
{
    static const char *const names[IDE_CHANNELS] = {"ide0", "ide1"};
    const u32 n = p->unit / IDE_DRIVES % IDE_CHANNELS, drive = p->unit % IDE_DRIVES;
    struct ide_channel *c = &channel[n];
    struct ata_place place;

    p->disk = &c->drive[drive].disk;
    if (c->drive[drive].present)
        return OK;
    if (c->drive[0].present || c->drive[1].present)
        return ide_start_drive(c, drive);
    if (controller.pci == NULL) {
        controller = *p->f;
        pci_measure_bars(&controller);
    }
    TRY(ide_place(&controller, n, &place));
    TRY(ide_start(c, &env, &place, names[n]));
    return c->drive[drive].present ? OK : E_NOENT;
}

bool is_e1000(const struct pci_function *f)
{
    return f->vendor == E1000_VENDOR && f->id == E1000_DEVICE;
}

err_t start_e1000(struct nic_place *p)
{
    p->nic = &card[p->unit % NICS_MAX].nic;
    return e1000_start(&card[p->unit % NICS_MAX], p->f, "e1000");
}
