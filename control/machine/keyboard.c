/* See keyboard.h. */
#include "control/machine/keyboard.h"
#include "control/machine/env.h"
#include "control/rt.h"
#include "drivers/io/ps2.h"

static struct ps2 ps2;

/* A key for which there is no room is one too many: nobody reads. */
static void told(struct ps2 *p)
{
    struct key_event event;
    char bytes[KEY_BYTES_MAX];

    while (ps2_take(p, &event)) {
        const u32 count = key_bytes(&event, bytes);

        if (count)
            (void)abi_typed(rt_physical(bytes), count);
    }
}

void keyboard_begin(void)
{
    const bool first = info->life == 0;
    const err_t err = first ? ps2_start(&ps2, machine_env()) : ps2_go_on(&ps2, machine_env());

    if (err != OK) {
        if (first)
            say("keyboard: %s", err == E_NOENT ? "there is none at a PS/2 port"
                                               : "it is not used: it fails its test");
        return;
    }
    if (first)
        say("keyboard: at the PS/2 port");
    ps2.told = told;
    ps2_interrupts(&ps2, true);
}
