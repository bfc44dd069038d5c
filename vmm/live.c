/* The live view: its key, its clock, and where it is shown; see live.h. */
#include "vmm/live.h"
#include "arch/x86_64/tsc.h"
#include "lib/atomic.h"
#include "vmm/console.h"
#include "vmm/dashboard.h"
#include "vmm/vm.h"

#define KEY        0x14u /* Ctrl-T */
#define TYPED_SIZE 64u   /* a power of two */

static struct {
    bool by_key;    /* shown on the port and on the screen */
    bool on_screen; /* shown on the screen always */
    u64 shown_at, next;
    struct dashboard_sample before, after;
    struct dashboard dashboard;
    u8 typed[TYPED_SIZE]; /* for the guest */
    u32 head, tail;       /* counters; modulo TYPED_SIZE in typed[] */
} live;

static void place(void)
{
    console_view(live.by_key, live.by_key || live.on_screen);
    live.before.tsc = 0;
    live.next = 0;
}

void live_attach(bool on_screen)
{
    live.by_key = false;
    live.on_screen = on_screen;
    live.head = live.tail = 0;
    place();
}

static void keep(u8 byte)
{
    live.typed[live.head % TYPED_SIZE] = byte;
    store_release(&live.head, live.head + 1);
}

/* The key twice within half a second is one such character for the guest. */
static void take_key(u64 now)
{
    if (live.by_key && now - live.shown_at < tsc_hz / 2)
        keep(KEY);
    live.by_key = !live.by_key;
    live.shown_at = now;
    place();
}

/* Also when the guest does not read: that may be why somebody looks. */
static void read_typed(u64 now)
{
    u8 byte;

    while (live.head - load_acquire(&live.tail) < TYPED_SIZE && console_get(&byte)) {
        if (byte == KEY)
            take_key(now);
        else if (!live.by_key) /* nobody types into what he does not see */
            keep(byte);
    }
}

static void refresh(const struct vcpu *v, u64 now)
{
    const struct dashboard_guest guest = {v->vm->config->name, tsc_hz, v->stats->start};

    dashboard_take(&live.after, v->stats, v->trace, v->asleep, now);
    dashboard_draw(&live.dashboard, &guest, &live.before, &live.after, v->trace);
    console_view_draw(live.dashboard.row[0], DASHBOARD_ROWS, sizeof(live.dashboard.row[0]),
                      DASHBOARD_HEADINGS);
    live.before = live.after;
    live.next = now + tsc_hz;
}

void live_poll(const struct vcpu *v, u64 now)
{
    read_typed(now);
    if (!live.by_key && !live.on_screen)
        return;
    if (now >= live.next)
        refresh(v, now);
    console_wake(live.next);
}

bool live_waiting(void)
{
    return load_acquire(&live.head) != READ_ONCE(live.tail);
}

bool live_get(u8 *byte)
{
    const u32 tail = live.tail;

    if (!live_waiting())
        return false;
    *byte = live.typed[tail % TYPED_SIZE];
    store_release(&live.tail, tail + 1);
    return true;
}
