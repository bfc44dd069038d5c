/* The devices that the drivers found, for the tests. */
#pragma once
#include "drivers/io/disk.h"
#include "drivers/io/nic.h"
#include "drivers/io/pci.h"

#define DISKS_MAX 8u
#define NICS_MAX  4u

/* A device, how to start its driver anew after it was stopped, and which of its driver's it is. */
struct disk_place {
    struct disk *disk; /* NULL: did not start */
    const struct pci_function *f;
    err_t (*start)(struct disk_place *p);
    u32 unit;
    bool scratch; /* its first sector says that tests may write it */
};

struct nic_place {
    struct nic *nic; /* NULL: did not start */
    const struct pci_function *f;
    err_t (*start)(struct nic_place *p);
    u32 unit;
};

extern struct disk_place disks[DISKS_MAX];
extern struct nic_place nics[NICS_MAX];
extern u32 disk_count, nic_count;

/* A function by its ids, as it was found by ports; NULL: none. */
struct pci_function *device_find(u16 vendor, u16 id);

/* The scratch disk's first sector begins with this. */
#define SCRATCH_MARK "LINTEL-SCRATCH"
