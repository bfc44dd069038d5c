/* The live view: whose it is, where it is shown, and its clock; see live.h. */
#include "vmm/live.h"
#include "arch/x86_64/tsc.h"
#include "vmm/console.h"
#include "vmm/cpu_share.h"
#include "vmm/dashboard.h"
#include "vmm/outlet.h"
#include "vmm/vm.h"

static struct {
    u32 port; /* + 1: the key was typed there; 0: nowhere */
    const struct vm *shown;
    u64 next;
    struct dashboard_sample before, after;
    struct dashboard dashboard;
} live;

static const struct vm *subject(void)
{
    const struct vm *on_screen = console_front(OUTLET_SCREEN);

    if (live.port)
        return console_front(live.port - 1);
    return on_screen && on_screen->config->live == CONFIG_ON ? on_screen : NULL;
}

static void show(const struct vm *vm)
{
    live.shown = vm;
    live.before.tsc = 0;
    live.next = 0;
    console_cover(OUTLET_SCREEN, vm != NULL);
}

bool live_is_at(u32 port)
{
    return live.port == port + 1;
}

static void leave_port(void)
{
    if (live.port)
        console_cover(live.port - 1, false);
    live.port = 0;
}

void live_toggle(u32 port)
{
    const bool here = live_is_at(port);

    leave_port();
    if (!here && console_front(port)) {
        live.port = port + 1;
        console_cover(port, true);
    }
    show(subject());
}

void live_hide(void)
{
    if (!live.shown)
        return;
    leave_port();
    show(NULL);
}

void live_forget(const struct vm *vm)
{
    if (live.shown == vm)
        live_hide();
}

/* Since when it is not on a CPU; 0: it is. */
static u64 absent_since(const struct vcpu *v)
{
    if (v->cpu == CPU_NONE || READ_ONCE(cpu_share[v->cpu].running) == v)
        return 0;
    return READ_ONCE(v->left);
}

static void take_sample(const struct vm *vm, u64 now)
{
    dashboard_begin(&live.after, now);
    for (u32 i = 0; i < vm->vcpus; i++) {
        const struct vcpu *v = vm->vcpu[i];

        dashboard_add(&live.after, &(struct dashboard_vcpu){.stats = v->stats,
                                                            .ring = v->trace,
                                                            .trace_id = v->trace_id,
                                                            .asleep = v->asleep,
                                                            .absent_since = absent_since(v)});
    }
}

/* Each CPU's ring once. */
static u32 rings_of(const struct vm *vm, const struct trace_ring **ring)
{
    u32 rings = 0;

    for (u32 i = 0; i < vm->vcpus; i++) {
        u32 k = 0;

        while (k < rings && ring[k] != vm->vcpu[i]->trace)
            k++;
        ring[k] = vm->vcpu[i]->trace;
        rings = MAX(rings, k + 1);
    }
    return rings;
}

static void refresh(const struct vm *vm, u64 now)
{
    struct dashboard_guest guest = {.name = vm->config->name,
                                    .tsc_hz = tsc_hz,
                                    .start = vm->vcpu[0]->stats->start,
                                    .id = vm->id,
                                    .vcpus = vm->vcpus};

    guest.rings = rings_of(vm, guest.ring);
    take_sample(vm, now);
    dashboard_draw(&live.dashboard, &guest, &live.before, &live.after);
    for (u32 n = 0; n < OUTLETS; n++)
        if (n == OUTLET_SCREEN || live_is_at(n))
            console_draw(n, live.dashboard.row[0], DASHBOARD_ROWS, sizeof(live.dashboard.row[0]),
                         DASHBOARD_HEADINGS);
    live.before = live.after;
    live.next = now + tsc_hz;
}

void live_poll(u64 now)
{
    const struct vm *vm = subject();

    if (vm != live.shown)
        show(vm);
    if (!vm)
        return;
    if (now >= live.next)
        refresh(vm, now);
    console_wake(live.next);
}
