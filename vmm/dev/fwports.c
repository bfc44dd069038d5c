/* Ports 0x80, 0x92 and 0xcf9; see fwports.h.  Pure. */
#include "vmm/dev/fwports.h"

// clang-format off
enum { CONTROL_A_RESET = 1, CONTROL_A_A20 = 2 };
enum { RESET_SYSTEM = 2, RESET_CPU = 4, RESET_FULL = 8 };
// clang-format on

void fwports_reset(struct fwports *f)
{
    *f = (struct fwports){.control_a = CONTROL_A_A20};
}

u8 fwports_read(const struct fwports *f, u16 port)
{
    switch (port) {
    case 0x80: return f->post;
    case 0x92: return f->control_a;
    default: return f->reset_control;
    }
}

/* Both resets happen when their bit goes from 0 to 1. */
bool fwports_write(struct fwports *f, u16 port, u8 value)
{
    u8 risen;
    switch (port) {
    case 0x80: f->post = value; return false;
    case 0x92:
        risen = (u8)(value & ~f->control_a);
        f->control_a = value & (CONTROL_A_RESET | CONTROL_A_A20);
        return (risen & CONTROL_A_RESET) != 0;
    default:
        risen = (u8)(value & ~f->reset_control);
        f->reset_control = value & (RESET_SYSTEM | RESET_CPU | RESET_FULL);
        return (risen & RESET_CPU) != 0;
    }
}
