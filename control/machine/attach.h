/* From the machine's PCI functions to devices with names: who drives what. */
#pragma once
#include "drivers/io/pci.h"

/* A driver of drivers/io/ in the control partition. */
struct attach {
    bool (*is)(const struct pci_function *f);
    /* What an earlier life has left running there ends: it takes no memory, which the device may
     * still write into.  The function's bus mastering ends afterwards.  NULL: that is enough. */
    void (*quiet)(const struct pci_function *f);
    void (*start)(struct pci_function *f);
};

extern const struct attach attach_ide, attach_e1000, attach_virtio_blk, attach_virtio_net;

/* Stops what an earlier life has left running, finds the devices and starts them; the log has a
 * line for each, and for those that cannot be used.  Before anything else takes memory: until then
 * a device may write into it. */
void attach_devices(void);
