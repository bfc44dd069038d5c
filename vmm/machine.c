/* See machine.h. */
#include "vmm/machine.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/tsc.h"
#include "drivers/platform/power.h"
#include "vmm/audit.h"
#include "vmm/bootinfo.h"
#include "vmm/console.h"
#include "vmm/console_turn.h"
#include "vmm/cpu.h"
#include "vmm/cpu_share.h"
#include "vmm/hostmem.h"
#include "vmm/ledger_report.h"
#include "vmm/percpu.h"
#include "vmm/placement.h"
#include "vmm/record.h"
#include "vmm/stats_report.h"
#include "vmm/trace.h"
#include "vmm/vcpu_life.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

#define STATUS_POWEROFF 0u
#define STATUS_KILLED   124u
#define STATUS_STOPPED  125u

/* A guest of the configuration: its life, if it has one, and how the last one ended. */
static struct slot {
    struct vm *vm; /* NULL: it does not live */
    bool done;
    u32 status;
    u32 kills;
} slot[CONFIG_GUESTS_MAX];

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
    [VM_END_KILLED] = {"killed", STATUS_KILLED},
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

static void never_began(struct slot *s, const struct config_guest *guest)
{
    s->done = true;
    s->status = STATUS_STOPPED;
    say_end(guest, VM_END_STOPPED, s->status);
}

/* frames: all that it has got; its RAM is the guest's, the rest Lintel's own for its sake. */
static void say_cost(const struct config_guest *guest, u64 frames, u64 ticks)
{
    log_info("LINTEL-GUEST-COST name=%s bytes=%llu ticks=%llu", guest->name,
             (unsigned long long)(frames * PAGE_SIZE - guest->memory), (unsigned long long)ticks);
}

static void begin(u32 n)
{
    const struct config_guest *guest = &config()->guest[n];
    struct slot *s = &slot[n];
    const u64 start = rdtsc(), before = hostmem()->free_frames;
    struct vm *vm = hostmem_pages(sizeof(*vm));

    log_info("guest %s: %llu MiB, %s", guest->name, (unsigned long long)(guest->memory >> 20),
             guest->kernel);
    if (!vm)
        log_error("guest %s: no memory for what Lintel knows of it", guest->name);
    if (!vm || vm_create(vm, n, guest) != OK) {
        hostmem_pages_free(vm, sizeof(*vm));
        never_began(s, guest);
        return;
    }
    s->vm = vm;
    say_cost(guest, before - hostmem()->free_frames, rdtsc() - start);
    audit(vm);
    trace_state(vm);
    vm->attached = vm->vcpus;
    for (u32 i = 0; i < vm->vcpus; i++)
        vcpu_attach(vm->vcpu[i], placement(vm->vcpu[i]));
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

static void finish(u32 n)
{
    const struct config_guest *guest = &config()->guest[n];
    struct slot *s = &slot[n];
    struct vm *vm = s->vm;
    const u32 end = vm->end;

    trace_state(vm);
    vm_disconnect(vm);
    report(guest, vm);
    audit(vm);
    s->status = end == VM_END_DEBUG_EXIT ? vm->end_value : end_of[end].status;
    vm_destroy(vm);
    hostmem_pages_free(vm, sizeof(*vm));
    s->vm = NULL;
    say_end(guest, end, s->status);
    if ((end == VM_END_REBOOT && guest->on_reboot == CONFIG_REBOOT_RESTART) ||
        (end == VM_END_KILLED && s->kills++ < guest->restarts))
        begin(n);
    else
        s->done = true;
}

static void vcpu_ended(struct vcpu *v)
{
    if (atomic_add(&v->vm->attached, -1u) == 1)
        cpu_ask(0, CPU_CONTROL);
}

/* ------------------------------------------------------------ the machine */

/* Before the first guest: all that they get comes back. */
static struct {
    u64 free, lintel; /* frames */
} frames;

static void report_memory(void)
{
    const struct pmm *p = hostmem();

    log_info("LINTEL-MEMORY free=%llu of=%llu lintel=%llu of=%llu vpids=%u",
             (unsigned long long)p->free_frames, (unsigned long long)frames.free,
             (unsigned long long)pmm_count(p, FRAME_LINTEL), (unsigned long long)frames.lintel,
             vcpu_vpids_in_use());
}

static NORETURN void halt(void)
{
    for (;;) {
        cli();
        hlt();
    }
}

static NORETURN void end_machine(void)
{
    u32 status = STATUS_STOPPED;

    for (u32 n = 0; n < config()->guest_count; n++)
        status = slot[n].status; /* the last one's counts */
    audit(NULL);
    report_memory();
    record_report();
    log_info("LINTEL-EXIT status=%u", status);
    switch (config()->on_end) {
    case CONFIG_END_REBOOT:
    case CONFIG_END_RETURN: power_reboot();
    case CONFIG_END_HALT: halt();
    default: power_off();
    }
}

static void control(void)
{
    bool alive = false;

    if (frames.free == 0) { /* the first time: the other CPUs have what they need */
        frames.free = hostmem()->free_frames;
        frames.lintel = pmm_count(hostmem(), FRAME_LINTEL);
    }
    for (u32 n = 0; n < config()->guest_count; n++)
        if (slot[n].vm && load_acquire(&slot[n].vm->attached) == 0)
            finish(n);
    for (u32 n = 0; n < config()->guest_count; n++) {
        if (!slot[n].vm && !slot[n].done && !(alive && config()->run == CONFIG_RUN_ONE_BY_ONE))
            begin(n);
        alive |= slot[n].vm != NULL;
    }
    if (!alive)
        cpu_ask(0, CPU_CONTROL); /* the next one, or the end */
    for (u32 n = 0; n < config()->guest_count && !alive; n++)
        if (!slot[n].done)
            return;
    if (!alive)
        end_machine();
}

/* The boot CPU looks after the consoles and the guests' lives; the others have nothing else to do.
 */
static void between_turns(u64 todo)
{
    if (this_cpu()->id != 0)
        return;
    if ((todo & CPU_CONSOLE) || rdtsc() >= console_due())
        (void)console_turn(NULL, rdtsc());
    if (todo & CPU_CONTROL)
        control();
}

static u64 due(void)
{
    return this_cpu()->id == 0 ? console_due() : ~0ull;
}

static const struct cpu_duties duties = {between_turns, due, vcpu_ended};

void machine_start(void)
{
    cpu_share_init(config()->slice * (tsc_hz / 1000));
    cpu_ask(0, CPU_CONTROL);
}

void machine_run(void)
{
    cpu_loop(&duties);
}
