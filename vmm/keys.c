/* See keys.h. */
#include "vmm/keys.h"
#include "arch/x86_64/tsc.h"
#include "vmm/console.h"
#include "vmm/control_life.h"
#include "vmm/outlet.h"
#include "vmm/vm.h"

#define LOOKS_A_SECOND 10u /* at a port whose guest does not read */

enum { KEY = 0x1c /* Ctrl-\ */, CTRL_L = 0x0c /* the shell draws its line anew */ };

static struct {
    u64 called_at; /* TSC of the last key */
    u64 stuck_at;  /* TSC since when there is no room for what is typed; 0: there is */
} at[OUTLETS];

static void type(u32 n, u8 byte)
{
    struct vm *vm = console_front(n);

    if (vm)
        (void)guest_console_type(&vm->console, byte);
}

static void take_key(u32 n, u64 now)
{
    struct vm *control = control_vm(); /* NULL: it is between two lives */
    const bool twice = now - at[n].called_at < tsc_hz / 2;

    at[n].called_at = now;
    if (control && console_front(n) != control) {
        console_call(control, n);
        type(n, CTRL_L);
        return;
    }
    if (control)
        console_leave_front(control);
    if (twice)
        type(n, KEY);
}

static void take(u32 n, u8 byte, u64 now)
{
    if (byte == KEY && control_exists())
        take_key(n, now);
    else
        type(n, byte);
}

/* What a guest does not read waits in the port, where nothing of it is lost.  One that reads
 * nothing for a second must not keep the keys from Lintel, though. */
static bool may_read(u32 n, u64 now)
{
    const struct vm *vm = console_front(n);

    if (!vm || guest_console_can_type(&vm->console)) {
        at[n].stuck_at = 0;
        return true;
    }
    if (at[n].stuck_at == 0)
        at[n].stuck_at = now;
    return now - at[n].stuck_at > tsc_hz;
}

void keys_poll(u64 now)
{
    for (u32 n = 0; n < OUTLETS; n++) {
        u8 byte;

        while (may_read(n, now) && console_get(n, &byte))
            take(n, byte, now);
        if (!may_read(n, now)) /* no interrupt tells that there is room */
            console_wake(now + tsc_hz / LOOKS_A_SECOND);
    }
}
