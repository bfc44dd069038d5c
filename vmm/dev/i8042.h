/* A keyboard controller without keyboard or mouse: it answers its own commands, can
 * pulse the reset line and drives A20.  IBM PC/AT Technical Reference, "Keyboard
 * Controller".  Pure. */
#pragma once
#include "lib/types.h"

struct i8042 {
    u8 output; /* data for port 0x60 */
    bool full; /* output buffer full */
    bool last_was_command;
    u8 pending; /* command that waits for its data byte; 0: none */
    u8 command_byte;
    u8 output_port; /* bit 0: not reset, bit 1: A20 */
};

void i8042_reset(struct i8042 *k);
u8 i8042_read(struct i8042 *k, u16 port); /* 0x60, 0x64 */

/* True if the write pulls the processor's reset line. */
bool i8042_write(struct i8042 *k, u16 port, u8 value);
