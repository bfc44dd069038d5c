/* A PC's old devices, for the driver tests: how they are recognised and started. */
#pragma once
#include "guest_tests/drivers/devices.h"

#define IDE_UNITS 4u /* two channels of two drives */

bool is_ide(const struct pci_function *f);
/* Starts the channel, or the drive alone if the other one is running. */
err_t start_ide(struct disk_place *p);

bool is_e1000(const struct pci_function *f);
err_t start_e1000(struct nic_place *p);
