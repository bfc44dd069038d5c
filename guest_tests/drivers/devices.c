/* Finds PCI functions and starts their drivers: the first tests. */
#include "guest_tests/drivers/devices.h"
#include "drivers/io/virtio_blk.h"
#include "drivers/io/virtio_net.h"
#include "guest_tests/drivers/disk_run.h"
#include "guest_tests/drivers/env.h"
#include "guest_tests/drivers/pc_devices.h"
#include "guest_tests/rt/guest.h"

#define FUNCTIONS_MAX 64u

/* The q35's memory controller hub tells where ECAM is.  Intel 3 Series Express Chipset Family
 * Datasheet, "PCIEXBAR". */
#define Q35_ID          0x29c08086u
#define PCIEXBAR        0x60u
#define PCIEXBAR_ON     1u
#define PCIEXBAR_LENGTH 6u
#define PCIEXBAR_BASE   0xff0000000ull

static struct pci ports, ecam;
static struct pci_function by_ports[FUNCTIONS_MAX], by_ecam[FUNCTIONS_MAX];
static u32 functions;

struct disk_place disks[DISKS_MAX];
struct nic_place nics[NICS_MAX];
u32 disk_count, nic_count;

/* ------------------------------------------------------------ drivers */

static struct virtio_blk virtio_disk[DISKS_MAX];
static struct virtio_net virtio_nic[NICS_MAX];

static err_t start_virtio_blk(struct disk_place *p)
{
    p->disk = &virtio_disk[p->unit].disk;
    return virtio_blk_start(&virtio_disk[p->unit], p->f, &env, VIRTIO_BLK_QUEUES);
}

static err_t start_virtio_net(struct nic_place *p)
{
    p->nic = &virtio_nic[p->unit].nic;
    return virtio_net_start(&virtio_nic[p->unit], p->f, &env);
}

static bool is_virtio_blk(const struct pci_function *f)
{
    return virtio_type_of(f) == VIRTIO_BLK;
}

static bool is_virtio_net(const struct pci_function *f)
{
    return virtio_type_of(f) == VIRTIO_NET;
}

/* Which driver takes a function; one device of it for each unit. */
static const struct driver {
    const char *name;
    bool (*takes)(const struct pci_function *f);
    err_t (*disk)(struct disk_place *p);
    err_t (*nic)(struct nic_place *p);
    u32 units;
} drivers[] = {
    {"virtio-blk", is_virtio_blk, start_virtio_blk, NULL, 1},
    {"virtio-net", is_virtio_net, NULL, start_virtio_net, 1},
    {"ide", is_ide, start_ide, NULL, IDE_UNITS},
    {"e1000", is_e1000, NULL, start_e1000, 1},
};

static u32 units_started[ARRAY_LEN(drivers)];

static void start_disk(u32 driver, const struct pci_function *f)
{
    struct disk_place *p = &disks[disk_count];

    *p =
        (struct disk_place){.f = f, .start = drivers[driver].disk, .unit = units_started[driver]++};
    const err_t err = p->start(p);

    /* E_NOENT: nothing is connected there. */
    if (err == E_NOENT)
        return;
    disk_count++;
    if (!EXPECT_EQ(err, OK)) {
        p->disk = NULL;
        return;
    }
    p->scratch = disk_is_scratch(p->disk);
    say("# disk %s id '%s' %llu sectors of %u bytes, queues %u depth %u segments %u flags 0x%x%s\n",
        p->disk->name, p->disk->id, (unsigned long long)p->disk->sectors, p->disk->sector_size,
        p->disk->queues, p->disk->depth, p->disk->segments_max, p->disk->flags,
        p->scratch ? " scratch" : "");
}

static void start_nic(u32 driver, const struct pci_function *f)
{
    struct nic_place *p = &nics[nic_count++];

    *p = (struct nic_place){.f = f, .start = drivers[driver].nic, .unit = units_started[driver]++};
    if (!EXPECT_EQ(p->start(p), OK)) {
        p->nic = NULL;
        return;
    }

    const struct nic *n = p->nic;

    say("# nic %s %02x:%02x:%02x:%02x:%02x:%02x mtu %u link %u features 0x%x depth %u %u\n",
        n->name, n->mac[0], n->mac[1], n->mac[2], n->mac[3], n->mac[4], n->mac[5], n->mtu, n->link,
        n->features, n->tx_depth, n->rx_depth);
}

static void start_drivers(const struct pci_function *f)
{
    for (u32 i = 0; i < ARRAY_LEN(drivers); i++)
        for (u32 unit = 0; drivers[i].takes(f) && unit < drivers[i].units; unit++) {
            if (drivers[i].disk != NULL && disk_count < DISKS_MAX)
                start_disk(i, f);
            if (drivers[i].nic != NULL && nic_count < NICS_MAX)
                start_nic(i, f);
        }
}

struct pci_function *device_find(u16 vendor, u16 id)
{
    for (u32 i = 0; i < functions; i++)
        if (by_ports[i].vendor == vendor && by_ports[i].id == id)
            return &by_ports[i];
    return NULL;
}

/* ------------------------------------------------------------ tests */

GUEST_TEST(pci_scan_by_ports)
{
    env_begin();
    EXPECT_EQ(pci_open_ports(&ports, &env), OK);
    EXPECT_EQ(pci_scan(&ports, by_ports, FUNCTIONS_MAX, &functions), OK);
    EXPECT_TRUE(functions > 2);
    for (u32 i = 0; i < functions; i++) {
        const struct pci_function *f = &by_ports[i];

        say("# pci %02x:%02x.%x %04x:%04x class %02x%02x%02x pin %u line %u msi %u msi-x %u\n",
            f->bus, f->device, f->function, f->vendor, f->id, f->class, f->subclass, f->interface,
            f->pin, f->line, pci_capability(f, PCI_CAP_MSI, 0) != 0,
            pci_capability(f, PCI_CAP_MSIX, 0) != 0);
    }
}

GUEST_TEST(pci_scan_by_ecam_is_the_same)
{
    const struct pci_function *hub = &by_ports[0];
    u32 count;

    if (pci_read(hub, PCI_VENDOR, 4) != Q35_ID || !(pci_read(hub, PCIEXBAR, 4) & PCIEXBAR_ON))
        SKIP("no ECAM known on this chipset");

    const u32 low = pci_read(hub, PCIEXBAR, 4);
    const u64 base = ((u64)pci_read(hub, PCIEXBAR + 4, 4) << 32 | low) & PCIEXBAR_BASE;
    const u32 buses = 256u >> ((low & PCIEXBAR_LENGTH) >> 1);

    EXPECT_EQ(pci_open_ecam(&ecam, &env, base, 0, (u8)(buses - 1)), OK);
    EXPECT_EQ(pci_scan(&ecam, by_ecam, FUNCTIONS_MAX, &count), OK);
    EXPECT_EQ(count, functions);
    for (u32 i = 0; i < MIN(count, functions); i++) {
        struct pci_function a = by_ports[i], b = by_ecam[i];

        a.pci = b.pci = NULL;
        EXPECT_EQ(memcmp(&a, &b, sizeof(a)), 0);
        EXPECT_EQ(pci_read(&by_ports[i], PCI_CLASS, 4), pci_read(&by_ecam[i], PCI_CLASS, 4));
        EXPECT_EQ(pci_read(&by_ports[i], PCI_INTERRUPT_LINE, 1),
                  pci_read(&by_ecam[i], PCI_INTERRUPT_LINE, 1));
    }
}

GUEST_TEST(drivers_start)
{
    env_begin();
    for (u32 i = 0; i < functions; i++)
        start_drivers(&by_ports[i]);
    EXPECT_TRUE(disk_count + nic_count > 0);
}
