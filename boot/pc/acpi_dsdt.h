/* The AML of the guest's DSDT, without the table's header.  Pure. */
#pragma once
#include "boot/pc/out.h"

/* Appends \_S5 and the devices, with `cpus` processors, at most 10: CPU0, CPU1, ..., and a PCI bus
 * if there is one. */
void acpi_put_devices(struct out *o, u32 cpus, bool pci);
