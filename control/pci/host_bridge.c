/* A host bridge without registers of its own; see host_bridge.h.  Pure. */
#include "control/pci/host_bridge.h"

// clang-format off
/* The ids are those of a bridge that no driver wants to know more of. */
static const struct pci_config_row rows[] = {
    /* at                   bytes  value      writable */
    { PCI_VENDOR_ID,        2,     0x1b36,    0 },
    { PCI_DEVICE_ID,        2,     0x0008,    0 },
    { PCI_COMMAND,          2,     0,         PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER },
    { PCI_STATUS,           2,     0,         0 },
    { PCI_CLASS,            3,     0x060000,  0 },
    { PCI_SUBSYSTEM_VENDOR, 2,     0x1af4,    0 },
    { PCI_SUBSYSTEM_ID,     2,     0x1100,    0 },
    { PCI_IRQ_LINE,         1,     0,         0 },
    { PCI_IRQ_PIN,          1,     0,         0 },
};
// clang-format on

static const struct pci_device_ops ops = {.bar_read = NULL}; /* it has no BAR */

void host_bridge_init(struct pci_device *d)
{
    *d = (struct pci_device){.slot = 0};
    pci_device_init(d, &ops, "host bridge", rows, ARRAY_LEN(rows));
}
