/* See machine.h. */
#include "control/machine/machine.h"
#include "control/loop.h"
#include "control/rt.h"
#include "drivers/io/e1000.h"
#include "drivers/io/ide.h"
#include "drivers/io/pci.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define FUNCTIONS_MAX   64u
#define CONTROLLERS_MAX 2u
#define DISKS_MAX       (CONTROLLERS_MAX * IDE_CHANNELS * IDE_DRIVES)
#define CARDS_MAX       4u
#define NAME_MAX        8u
#define CLASS_DISKS     0x01u
#define CLASS_NETWORK   0x02u
/* While a request is in a disk: an interrupt that got lost costs that long, not its time-out. */
#define LOST_IRQ_US 20000u
/* Between two looks at devices whose line is masked for good. */
#define STORM_US 10000u

static struct pci pci;
static struct pci_function function[FUNCTIONS_MAX];
static struct ide_channel channel[CONTROLLERS_MAX * IDE_CHANNELS];
static struct e1000 card[CARDS_MAX];
static u32 channels, cards;

static struct {
    struct disk *disk; /* its name is the one that guests know */
    bool used;
} disks[DISKS_MAX];
static u32 disk_count;

/* ------------------------------------------------------------ what is refused */

static const char *reason(err_t err)
{
    switch (err) {
    case E_NOMEM: return "there is no memory for it below 4 GiB";
    case E_PERM: return "its registers are not among the control partition's (docs/abi.md)";
    case E_NOTSUP: return "it has no bus master, or the firmware has not placed its registers";
    case E_NOENT: return "the firmware has not placed its registers";
    default: return "it does not answer";
    }
}

static void refuse(const struct pci_function *f, const char *what, const char *why)
{
    say("pci %02x:%02x.%x, %s %04x:%04x: not used: %s", f->bus, f->device, f->function, what,
        f->vendor, f->id, why);
}

/* ------------------------------------------------------------ IDE */

static bool is_ide(const struct pci_function *f)
{
    return f->class == IDE_CLASS && f->subclass == IDE_SUBCLASS;
}

static void add_drive(struct ide_drive *d)
{
    struct disk *const disk = &d->disk;
    char name[NAME_MAX];

    fmt_buf(name, sizeof(name), "ide%u", disk_count);
    disks[disk_count++].disk = disk;
    say("%s: %s %s, %llu MiB, sectors of %u bytes, at %s%s", name,
        d->id.packet ? "CD drive" : "disk", d->id.model,
        (unsigned long long)(disk->sectors * disk->sector_size / MiB), disk->sector_size,
        disk->name, disk->flags & DISK_HAS_NO_MEDIUM ? ", no medium" : "");
    fmt_buf(disk->name, sizeof(disk->name), "%s", name);
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
        refuse(f, number ? "second IDE channel of" : "first IDE channel of", reason(err));
        return;
    }
    channels++;
    for (u32 i = 0; i < IDE_DRIVES; i++)
        if (c->drive[i].present)
            add_drive(&c->drive[i]);
}

static void start_ide(struct pci_function *f)
{
    static u32 controllers;

    if (controllers == CONTROLLERS_MAX) {
        refuse(f, "IDE controller", "there are too many");
        return;
    }
    controllers++;
    pci_measure_bars(f);
    for (u32 i = 0; i < IDE_CHANNELS; i++)
        start_channel(f, i);
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

/* ------------------------------------------------------------ network cards */

static bool is_e1000(const struct pci_function *f)
{
    return f->vendor == E1000_VENDOR && f->id == E1000_DEVICE;
}

static void start_e1000(struct pci_function *f)
{
    struct e1000 *const e = &card[cards];
    const u8 *const mac = e->nic.mac;
    char name[NAME_MAX];
    err_t err;

    if (cards == CARDS_MAX) {
        refuse(f, "network card", "there are too many");
        return;
    }
    fmt_buf(name, sizeof(name), "net%u", cards);
    err = e1000_start(e, f, name);
    if (err != OK) {
        refuse(f, "network card", reason(err));
        return;
    }
    cards++;
    say("%s: e1000 %04x:%04x, MAC %02x:%02x:%02x:%02x:%02x:%02x, link %s", name, f->vendor, f->id,
        mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], e->nic.link ? "up" : "down");
}

/* ------------------------------------------------------------ all of them */

static const struct driver {
    bool (*is)(const struct pci_function *f);
    void (*quiet)(const struct pci_function *f); /* beside its bus mastering; may be NULL */
    void (*start)(struct pci_function *f);
} drivers[] = {
    {is_ide, quiet_ide, start_ide},
    {is_e1000, NULL, start_e1000},
};

static const struct driver *driver_of(const struct pci_function *f)
{
    for (u32 i = 0; i < ARRAY_LEN(drivers); i++)
        if (drivers[i].is(f))
            return &drivers[i];
    return NULL;
}

static void quiet(const struct pci_function *f)
{
    const struct driver *const d = driver_of(f);

    if (!d)
        return;
    if (d->quiet)
        d->quiet(f);
    pci_command(f, 0, PCI_COMMAND_MASTER);
}

static void start(struct pci_function *f)
{
    const struct driver *const d = driver_of(f);

    if (d)
        d->start(f);
    else if (f->class == CLASS_DISKS)
        refuse(f, "disk controller", "there is no driver; IDE controllers have one");
    else if (f->class == CLASS_NETWORK)
        refuse(f, "network card", "there is no driver; Intel's 82540EM (8086:100e) has one");
}

void machine_init(void)
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
    if (disk_count == 0 && cards == 0)
        say("no disks and no network cards that can be used");
}

static u64 on_turn(void)
{
    return env_tsc(machine_poll());
}

/* There is something to be polled. */
static void poll_each_turn(void)
{
    static bool does;

    if (!does)
        loop_on_turn(on_turn);
    does = true;
}

struct disk *machine_disk(const char *name)
{
    for (u32 i = 0; i < disk_count; i++)
        if (strcmp(disks[i].disk->name, name) == 0) {
            disks[i].used = true;
            poll_each_turn();
            return disks[i].disk;
        }
    return NULL;
}

struct nic *machine_nic(const char *name)
{
    for (u32 i = 0; i < cards; i++)
        if (strcmp(card[i].nic.name, name) == 0) {
            poll_each_turn();
            return &card[i].nic;
        }
    return NULL;
}

static u64 poll_disks(void)
{
    u64 next = IO_NEVER;

    for (u32 i = 0; i < disk_count; i++)
        if (disks[i].used) {
            const u64 wanted = disk_poll(disks[i].disk);

            next = MIN(next, wanted);
        }
    return next == IO_NEVER ? next : MIN(next, io_now(machine_env()) + LOST_IRQ_US);
}

static u64 poll_cards(void)
{
    u64 next = IO_NEVER;

    for (u32 i = 0; i < cards; i++)
        if (card[i].nic.user) {
            const u64 wanted = nic_poll(&card[i].nic);

            next = MIN(next, wanted);
        }
    return next;
}

u64 machine_poll(void)
{
    const u64 for_disks = poll_disks(), for_cards = poll_cards();
    const u64 next = MIN(for_disks, for_cards);

    return env_storm() ? MIN(next, io_now(machine_env()) + STORM_US) : next;
}
