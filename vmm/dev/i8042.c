/* Keyboard controller without devices; see i8042.h.  Pure. */
#include "vmm/dev/i8042.h"

// clang-format off
enum { STATUS_OUTPUT_FULL = 1, STATUS_SYSTEM = 4, STATUS_COMMAND = 8, STATUS_NOT_LOCKED = 0x10 };
enum { OUT_NOT_RESET = 1, OUT_A20 = 2 };
enum { COMMAND_SYSTEM = 4, COMMAND_NO_KEYBOARD = 0x10, COMMAND_NO_MOUSE = 0x20 };
// clang-format on

void i8042_reset(struct i8042 *k)
{
    *k = (struct i8042){.command_byte = COMMAND_SYSTEM | COMMAND_NO_KEYBOARD | COMMAND_NO_MOUSE,
                        .output_port = OUT_NOT_RESET | OUT_A20};
}

static void answer(struct i8042 *k, u8 byte)
{
    k->output = byte;
    k->full = true;
}

static bool command(struct i8042 *k, u8 value)
{
    k->last_was_command = true;
    k->pending = 0;
    switch (value) {
    case 0x20: answer(k, k->command_byte); break;
    case 0xa7: k->command_byte |= COMMAND_NO_MOUSE; break;
    case 0xa8: k->command_byte &= (u8)~COMMAND_NO_MOUSE; break;
    case 0xa9: answer(k, 0x00); break; /* mouse interface: no fault */
    case 0xaa: answer(k, 0x55); break; /* self-test passed */
    case 0xab: answer(k, 0x00); break; /* keyboard interface: no fault */
    case 0xad: k->command_byte |= COMMAND_NO_KEYBOARD; break;
    case 0xae: k->command_byte &= (u8)~COMMAND_NO_KEYBOARD; break;
    case 0xc0: answer(k, 0x80); break; /* input port: keyboard not locked */
    case 0xd0: answer(k, k->output_port); break;
    case 0x60:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4: k->pending = value; break;
    default: /* 0xf0..0xff pulse output port bits which are zero: bit 0 is the reset line */
        return value >= 0xf0 && !(value & OUT_NOT_RESET);
    }
    return false;
}

static bool data(struct i8042 *k, u8 value)
{
    const u8 pending = k->pending;
    k->last_was_command = false;
    k->pending = 0;
    switch (pending) {
    case 0x60: k->command_byte = value & 0x7f; break;
    case 0xd1: k->output_port = value | OUT_NOT_RESET; return !(value & OUT_NOT_RESET);
    case 0xd2:
    case 0xd3: answer(k, value); break; /* loop-back of the two interfaces */
    default: break;                     /* sent to a device that is not there */
    }
    return false;
}

bool i8042_write(struct i8042 *k, u16 port, u8 value)
{
    return port == 0x64 ? command(k, value) : data(k, value);
}

u8 i8042_read(struct i8042 *k, u16 port)
{
    if (port == 0x64)
        return (u8)((k->full ? STATUS_OUTPUT_FULL : 0) | (k->command_byte & STATUS_SYSTEM) |
                    (k->last_was_command ? STATUS_COMMAND : 0) | STATUS_NOT_LOCKED);
    k->full = false;
    return k->output;
}
