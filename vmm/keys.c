/* See keys.h. */
#include "vmm/keys.h"
#include "arch/x86_64/tsc.h"
#include "vmm/console.h"
#include "vmm/live.h"
#include "vmm/monitor.h"
#include "vmm/vm.h"

#define PORTS          BOOT_UARTS_MAX
#define LOOKS_A_SECOND 10u /* at a port whose guest does not read */

/* A key, what it does at a port, and whether that is there now. */
static const struct key {
    u8 byte;
    void (*toggle)(u32 port);
    bool (*is_at)(u32 port);
} keys[] = {
    {0x14, live_toggle, live_is_at},       /* Ctrl-T */
    {0x1c, monitor_toggle, monitor_is_at}, /* Ctrl-\ */
};

static struct {
    u64 shown_at; /* TSC of the last key */
    u64 stuck_at; /* TSC since when there is no room for what is typed; 0: there is */
} at[PORTS];

static void take_key(const struct key *key, u32 port, u64 now)
{
    struct vm *vm = console_front(port);

    if (key->is_at(port) && now - at[port].shown_at < tsc_hz / 2 && vm)
        (void)guest_console_type(&vm->console, key->byte);
    for (u32 i = 0; i < ARRAY_LEN(keys); i++) /* one at a time */
        if (&keys[i] != key && keys[i].is_at(port))
            keys[i].toggle(port);
    key->toggle(port);
    at[port].shown_at = now;
}

static const struct key *find(u8 byte)
{
    for (u32 i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].byte == byte)
            return &keys[i];
    return NULL;
}

static void take(u32 port, u8 byte, u64 now)
{
    const struct key *key = find(byte);
    struct vm *vm = console_front(port);

    if (key)
        take_key(key, port, now);
    else if (monitor_is_at(port))
        monitor_type(byte);
    else if (vm && !live_is_at(port)) /* nobody types into what he does not see */
        (void)guest_console_type(&vm->console, byte);
}

/* What a guest does not read waits in the port, where nothing of it is lost.  One that reads
 * nothing for a second must not keep the keys from Lintel, though. */
static bool may_read(u32 port, u64 now)
{
    const struct vm *vm = console_front(port);

    if (monitor_is_at(port))
        return monitor_can_type();
    if (!vm || guest_console_can_type(&vm->console)) {
        at[port].stuck_at = 0;
        return true;
    }
    if (at[port].stuck_at == 0)
        at[port].stuck_at = now;
    return now - at[port].stuck_at > tsc_hz;
}

void keys_poll(u64 now)
{
    for (u32 port = 0; port < PORTS; port++) {
        u8 byte;

        while (may_read(port, now) && console_get(port, &byte))
            take(port, byte, now);
        if (!may_read(port, now)) /* no interrupt tells that there is room */
            console_wake(now + tsc_hz / LOOKS_A_SECOND);
    }
}
