/* The small ports of a PC's chip set: system control port A (0x92), reset control
 * (0xcf9), the POST code (0x80).  82371AB data sheet, "Reset Control Register".  Pure. */
#pragma once
#include "lib/types.h"

struct fwports {
    u8 control_a; /* bit 1: A20 */
    u8 reset_control;
    u8 post;
};

void fwports_reset(struct fwports *f);
u8 fwports_read(const struct fwports *f, u16 port);        /* 0x80, 0x92, 0xcf9 */
bool fwports_write(struct fwports *f, u16 port, u8 value); /* true: reset the machine */
