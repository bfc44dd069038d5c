/* Device 0 of each emulated bus: what a guest takes for the proof that there is one.  It does
 * nothing.  Pure. */
#pragma once
#include "control/pci/pci.h"

void host_bridge_init(struct pci_device *d);
