/* Which processors there are, where no table of the firmware's says it. */
#pragma once
#include "acpi_info.h"

/* Fills the list of processors from the firmware's MP services, if it is empty; it stays so if the
 * firmware has none. */
void processors_list(struct acpi_info *acpi);
