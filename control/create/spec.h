/* What `create` asks for, as the microkernel and the loader want it: the command line's disks and
 * networks become the lines of text that lintel.conf's are (control/served/device_text.h), files
 * the texts that a disk is opened by (control/disk/backing_text.h).  Pure. */
#pragma once
#include "abi/control.h"
#include "control/shell/parse.h"

#define SPEC_WHY 200u

/* `volume`: what stands before a path of Lintel's volume, like "ide0:1:"; empty: it is not known.
 * False: `why` says what is wrong with what, and what would do. */
bool spec_make(const struct shell_order *order, const char *volume, struct abi_guest_spec *spec,
               char why[SPEC_WHY]);
