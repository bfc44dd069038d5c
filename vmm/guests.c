/* See guests.h. */
#include "vmm/guests.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/smp.h"
#include "arch/x86_64/tsc.h"
#include "vmm/audit.h"
#include "vmm/bootinfo.h"
#include "vmm/boundary.h"
#include "vmm/census.h"
#include "vmm/console.h"
#include "vmm/control_life.h"
#include "vmm/cpu_share.h"
#include "vmm/grant.h"
#include "vmm/hostmem.h"
#include "vmm/ledger_report.h"
#include "vmm/partition.h"
#include "vmm/percpu.h"
#include "vmm/placement.h"
#include "vmm/stats_report.h"
#include "vmm/trace.h"
#include "vmm/vm.h"
#include "vmm/vm_end.h"
#include "vmm/wake.h"

#define STATUS_POWEROFF 0u
#define STATUS_EXPIRED  124u
#define STATUS_STOPPED  125u

/* A guest of the configuration: its life, if it has one, and how the last one ended. */
static struct slot {
    struct vm *vm; /* NULL: it does not live */
    bool lived;
    u32 status;
    u32 restarts;  /* after its lifetime or its exits */
    u32 forgotten; /* it is to have its place no longer; atomic */
} slot[CONFIG_GUESTS_MAX];

static struct lives lives;
static u64 next_look = ~0ull; /* TSC */

static const struct {
    const char *name;
    u32 status;
} end_of[] = {
    [VM_RUNNING] = {"running", STATUS_STOPPED},
    [VM_END_POWEROFF] = {"poweroff", STATUS_POWEROFF},
    [VM_END_REBOOT] = {"reboot", STATUS_POWEROFF},
    [VM_END_DEBUG_EXIT] = {"debug-exit", STATUS_POWEROFF},
    [VM_END_HALTED] = {"halted", STATUS_POWEROFF},
    [VM_END_STOPPED] = {"stopped", STATUS_STOPPED},
    [VM_END_KILLED] = {"killed", STATUS_POWEROFF},
    [VM_END_RESET] = {"reset", STATUS_POWEROFF},
    [VM_END_EXPIRED] = {"expired", STATUS_EXPIRED},
};

static const struct config *config(void)
{
    return &bootinfo()->config;
}

static void trace_state(const struct vm *vm)
{
    const struct vcpu *v = vm->vcpu[0];

    trace(&this_vmm_cpu()->trace, TRACE_GUEST_STATE, v->trace_id, vm->end, v->tsc_offset, 0);
}

/* ------------------------------------------------------------ a life */

static void say_end(const struct config_guest *guest, u32 end, u32 status)
{
    log_info("LINTEL-GUEST name=%s end=%s status=%u", guest->name, end_of[end].name, status);
}

static void never_began(u32 n, const struct config_guest *guest)
{
    slot[n].status = STATUS_STOPPED;
    lives_end(&lives, n, false);
    console_forget(n);
    say_end(guest, VM_END_STOPPED, STATUS_STOPPED);
}

/* frames: all that it has got; its RAM is the guest's, the rest Lintel's own for its sake. */
static void say_cost(const struct config_guest *guest, u64 frames, u64 ticks)
{
    log_info("LINTEL-GUEST-COST name=%s bytes=%llu ticks=%llu", guest->name,
             (unsigned long long)(frames * PAGE_SIZE - guest->memory), (unsigned long long)ticks);
}

/* A guest that is served begins when the control partition has claimed what it is to find. */
static void enter_boundary(struct vm *vm)
{
    if (vm->config->served == CONFIG_SERVED_OFF)
        return;
    if (!control_exists())
        log_warning("guest %s: nothing is served without a control partition (key `control`)",
                    vm->config->name);
    else if (boundary_enter(vm) != OK)
        log_warning("guest %s: it is not served: more than %u virtual CPUs would be",
                    vm->config->name, ABI_SLOTS);
    else
        vm->paused = vm->unadmitted = 1;
}

/* The control partition may be in the middle of a copy from or to its memory, and finishes first.
 */
static bool is_released(struct vm *vm)
{
    const u64 now = rdtsc();

    if (vm->served.slot == SERVED_NONE || !boundary_is_open() || load_acquire(&vm->released))
        return true;
    if (!vm->release_by) {
        WRITE_ONCE(vm->release_by, now + tsc_hz / 1000 * ABI_RELEASE_MS);
        event_post(ABI_EVENT_PARTITIONS);
    }
    if (now < vm->release_by) {
        next_look = MIN(next_look, vm->release_by);
        return false;
    }
    log_warning("guest %s has ended, and the control partition does not release it",
                vm->config->name);
    return true;
}

static void leave_boundary(struct vm *vm)
{
    partition_remove(vm);
    boundary_leave(vm);
    grant_drop(vm);
}

static void begin(u32 n)
{
    const struct config_guest *guest = &config()->guest[n];
    struct slot *s = &slot[n];
    const u64 start = rdtsc(), before = hostmem()->free_frames;
    struct vm *vm = hostmem_pages(sizeof(*vm));

    lives_begin(&lives, n);
    s->lived = true;
    log_info("guest %s: %llu MiB, %s", guest->name, (unsigned long long)(guest->memory >> 20),
             guest->kernel);
    if (!vm)
        log_error("guest %s: no memory for what Lintel knows of it", guest->name);
    if (!vm || vm_create(vm, n, guest) != OK) {
        hostmem_pages_free(vm, sizeof(*vm));
        never_began(n, guest);
        return;
    }
    vm->exits_end = lives_exits(guest, s->restarts);
    s->vm = vm;
    enter_boundary(vm);
    say_cost(guest, before - hostmem()->free_frames, rdtsc() - start);
    audit(vm);
    trace_state(vm);
    vm->attached = vm->vcpus;
    partition_add(vm);
    for (u32 i = 0; i < vm->vcpus; i++)
        vcpu_attach(vm->vcpu[i], placement(vm->vcpu[i]));
    if (bootinfo_is_made(n) && (vm->served.slot == SERVED_NONE || boundary_is_over()))
        /* nobody loads it */
        vm_end(vm, VM_END_STOPPED, 0);
}

static void report(const struct config_guest *guest, struct vm *vm)
{
    for (u32 i = 0; i < vm->vcpus; i++)
        stats_report(vm->vcpu[i], guest->stats == CONFIG_ON);
    if (guest->trace_dump == CONFIG_ON)
        trace_lines(vm->vcpu[0]->trace, TRACE_RECORDS);
    if (guest->touch == CONFIG_ON)
        log_info("guest %s: touched %llu of its %llu pages", guest->name,
                 (unsigned long long)vm->touched, (unsigned long long)(guest->memory / PAGE_SIZE));
    if (guest->ledger == CONFIG_ON)
        ledger_report(guest->name, &vm->ledger);
}

static bool lives_again(struct slot *s, const struct config_guest *guest, u32 end)
{
    switch (end) {
    case VM_END_RESET: return true;
    case VM_END_REBOOT: return guest->on_reboot == CONFIG_REBOOT_RESTART;
    case VM_END_EXPIRED: return s->restarts++ < guest->restarts;
    default: return false;
    }
}

/* Where it stood when its time was over. */
static void say_expired(const struct config_guest *guest, const struct vm *vm)
{
    u32 asleep = 0, unstarted = 0;

    for (u32 i = 0; i < vm->vcpus; i++) {
        unstarted += vm->vcpu[i]->waits_for_sipi;
        asleep += vm->vcpu[i]->asleep && !vm->vcpu[i]->waits_for_sipi;
    }
    log_info("LINTEL-EXPIRED guest=%s exits=%llu vcpus=%u asleep=%u unstarted=%u", guest->name,
             (unsigned long long)vm_exits(vm), vm->vcpus, asleep, unstarted);
}

static bool anybody(void)
{
    for (u32 n = 0; n < CONFIG_GUESTS_MAX; n++)
        if (slot[n].vm)
            return true;
    return false;
}

static void finish(u32 n)
{
    const struct config_guest *guest = &config()->guest[n];
    struct slot *s = &slot[n];
    struct vm *vm = s->vm;
    const u32 end = vm->end;
    const bool again = !READ_ONCE(s->forgotten) && lives_again(s, guest, end);

    trace_state(vm);
    leave_boundary(vm);
    vm_disconnect(vm, again);
    report(guest, vm);
    if (end == VM_END_EXPIRED)
        say_expired(guest, vm);
    audit(vm);
    s->status = end == VM_END_DEBUG_EXIT ? vm->end_value : end_of[end].status;
    vm_destroy(vm);
    hostmem_pages_free(vm, sizeof(*vm));
    s->vm = NULL;
    say_end(guest, end, s->status);
    lives_end(&lives, n, again);
    if (!anybody() && !control_exists()) /* which has frames, too */
        census_check(guest->name);
}

/* Until all is forgotten, nobody gets the place. */
static void forget(u32 n)
{
    if (slot[n].vm) {
        vm_end(slot[n].vm, VM_END_KILLED, 0);
        return;
    }
    console_forget(n);
    lives_forget(&lives, n);
    slot[n] = (struct slot){.vm = NULL};
}

void guests_vcpu_ended(struct vcpu *v)
{
    if (atomic_add(&v->vm->attached, -1u) == 1)
        cpu_ask(0, CPU_CONTROL);
}

void guests_init(void)
{
    lives_init(&lives, config());
}

void guests_start(u32 n)
{
    (void)lives_ask(&lives, n); /* E_EXIST: it has begun since somebody asked */
}

void guests_control(void)
{
    next_look = ~0ull;
    for (u32 n = 0; n < CONFIG_GUESTS_MAX; n++)
        if (slot[n].vm && load_acquire(&slot[n].vm->attached) == 0 && is_released(slot[n].vm))
            finish(n);
    for (u32 n = 0; n < CONFIG_GUESTS_MAX; n++)
        if (READ_ONCE(slot[n].forgotten))
            forget(n);
    for (u32 n; (n = lives_next(&lives)) != LIVES_NONE;)
        begin(n);
}

u64 guests_due(void)
{
    return next_look;
}

bool guests_are_over(bool watched)
{
    return lives_are_over(&lives, watched);
}

u32 guests_status(void)
{
    u32 status = STATUS_STOPPED;

    for (u32 n = 0; n < CONFIG_GUESTS_MAX; n++)
        if (slot[n].lived)
            status = slot[n].status;
    return status;
}

/* ------------------------------------------------------------ guests that are made */

u32 guests_place(void)
{
    for (u32 n = 0; n < CONFIG_GUESTS_MAX; n++)
        if (guest_life(n) == LIFE_NONE && !READ_ONCE(slot[n].forgotten))
            return n;
    return LIVES_NONE;
}

void guests_add(u32 n)
{
    lives_add(&lives, n);
}

void guests_forget(u32 n)
{
    WRITE_ONCE(slot[n].forgotten, 1);
    cpu_ask(0, CPU_CONTROL);
}

/* ------------------------------------------------------------ for others to look at */

enum life guest_life(u32 n)
{
    return (enum life)READ_ONCE(lives.state[n]);
}

struct vm *guest_vm(u32 n)
{
    return slot[n].vm;
}
