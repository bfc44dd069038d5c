/* See monitor_actions.h. */
#include "vmm/monitor_actions.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/smp.h"
#include "lib/fmt.h"
#include "vmm/audit.h"
#include "vmm/bootinfo.h"
#include "vmm/console.h"
#include "vmm/control_life.h"
#include "vmm/cpu_share.h"
#include "vmm/guests.h"
#include "vmm/hostmem.h"
#include "vmm/monitor.h"
#include "vmm/monitor_parse.h"
#include "vmm/orders.h"
#include "vmm/share.h"
#include "vmm/vm.h"

#define X(v)        ((unsigned long long)(v))
#define LOG_BYTES   3000u
#define STATS_SHOWN 8u

static const char *name_of(u32 n)
{
    return bootinfo()->config.guest[n].name;
}

/* ------------------------------------------------------------ guests */

static const char *state_of(u32 n)
{
    static const char *const words[] = {
        [LIFE_DUE] = "starts", [LIFE_HELD] = "waits", [LIFE_ON] = "runs", [LIFE_OVER] = "ended"};
    const struct vm *vm = guest_vm(n);

    if (vm && READ_ONCE(vm->end) != VM_RUNNING)
        return "ends";
    return vm && READ_ONCE(vm->paused) ? "paused" : words[guest_life(n)];
}

static void list_one(u32 n)
{
    const struct config_guest *g = &bootinfo()->config.guest[n];
    const struct vm *vm = guest_vm(n);
    char cpus[40] = "-";
    size_t used = 0;

    for (u32 i = 0; vm && i < vm->vcpus; i++)
        used += fmt_buf(cpus + used, sizeof(cpus) - used, "%s%u", i ? "," : "",
                        READ_ONCE(vm->vcpu[i]->cpu));
    if (!vm) {
        monitor_say("%-16s %2u %-6s %5u %-8s %6lluM", g->name, n, state_of(n), g->vcpus, cpus,
                    X(g->memory >> 20));
        return;
    }

    const struct exit_times t = exit_stats_times(vm->vcpu[0]->stats, rdtsc());
    const struct share lintel = share_of(t.lintel, t.total), asleep = share_of(t.waiting, t.total);

    monitor_say("%-16s %2u %-6s %5u %-8s %6lluM %10llu %4llu.%llu%% %4llu.%llu%%", g->name, n,
                state_of(n), vm->vcpus, cpus, X(g->memory >> 20), X(vm_exits(vm)),
                X(lintel.percent), X(lintel.tenth), X(asleep.percent), X(asleep.tenth));
}

static void act_list(const struct monitor_order *order)
{
    (void)order;
    monitor_say("%-16s %2s %-6s %5s %-8s %7s %10s %6s %6s", "guest", "id", "state", "vCPUs",
                "on CPU", "memory", "exits", "Lintel", "asleep");
    for (u32 n = 0; n < bootinfo()->config.guest_count; n++)
        list_one(n);
}

/* What has not happened, why, and what would help. */
static void answer(u32 n, err_t err, const char *done, const char *already)
{
    if (err == OK)
        monitor_say("%s %s", name_of(n), done);
    else if (err == E_EXIST)
        monitor_say("%s %s", name_of(n), already);
    else if (err == E_PERM)
        monitor_say("%s waits for its devices; the control partition lets it begin", name_of(n));
    else
        monitor_say("%s does not run; 'start %s' starts it", name_of(n), name_of(n));
}

static void act_start(const struct monitor_order *order)
{
    answer(order->arg[0], order_start(order->arg[0]), "starts",
           "runs already; 'reset' starts it again");
}

static void act_stop(const struct monitor_order *order)
{
    answer(order->arg[0], order_end(order->arg[0], VM_END_KILLED), "ends", "");
}

static void act_reset(const struct monitor_order *order)
{
    answer(order->arg[0], order_end(order->arg[0], VM_END_RESET), "ends, and starts again", "");
}

static void act_pause(const struct monitor_order *order)
{
    answer(order->arg[0], order_pause(order->arg[0]), "is paused",
           "is paused already; 'resume' lets it go on");
}

static void act_resume(const struct monitor_order *order)
{
    answer(order->arg[0], order_resume(order->arg[0]), "goes on", "is not paused");
}

static void act_console(const struct monitor_order *order)
{
    struct vm *vm = guest_vm(order->arg[0]);

    if (!vm) {
        answer(order->arg[0], E_NOENT, "", "");
        return;
    }
    if (vm->config->console == CONFIG_CONSOLE_NONE) {
        monitor_say("%s has no console; lintel.conf says console = none", name_of(order->arg[0]));
        return;
    }
    monitor_close();
    console_make_front(vm);
}

static void act_shell(const struct monitor_order *order)
{
    struct vm *vm = control_vm();

    (void)order;
    if (!vm) {
        monitor_say("there is no control partition; lintel.conf names its program with `control`");
        return;
    }
    monitor_close();
    console_make_front(vm);
}

static void say_times(const char *whose, const struct exit_times *t)
{
    monitor_say("%sof %llu ticks: Lintel %llu, asleep %llu, waiting for a CPU %llu", whose,
                X(t->total), X(t->lintel), X(t->waiting), X(t->stolen));
}

/* Of all vCPUs together, and of each if there are several. */
static void say_all_times(const struct vm *vm, u64 now)
{
    const struct exit_times all = vm_times(vm, now);

    say_times("", &all);
    for (u32 i = 0; vm->vcpus > 1 && i < vm->vcpus; i++) {
        const struct exit_times one = exit_stats_times(vm->vcpu[i]->stats, now);
        char whose[sizeof("vCPU 4294967295 on CPU 4294967295: ")];

        fmt_buf(whose, sizeof(whose), "vCPU %u on CPU %u: ", i, READ_ONCE(vm->vcpu[i]->cpu));
        say_times(whose, &one);
    }
}

/* The next one by falling count; equal ones by their number. */
static u32 next_reason(const u64 *count, u64 below, u32 last)
{
    u32 best = EXIT_REASONS;

    for (u32 i = 0; i < EXIT_REASONS; i++)
        if (count[i] && (count[i] < below || (count[i] == below && i > last)) &&
            (best == EXIT_REASONS || count[i] > count[best]))
            best = i;
    return best;
}

static void act_stats(const struct monitor_order *order)
{
    const struct vm *vm = guest_vm(order->arg[0]);
    u64 count[EXIT_REASONS], below = ~0ull;
    u32 last = EXIT_REASONS;

    if (!vm) {
        answer(order->arg[0], E_NOENT, "", "");
        return;
    }
    vm_exit_counts(vm, count);

    const u64 exits = vm_exits(vm);

    for (u32 shown = 0; shown < STATS_SHOWN; shown++) {
        last = next_reason(count, below, last);
        if (last == EXIT_REASONS)
            break;
        below = count[last];

        const struct share share = share_of(below, exits);

        monitor_say("%-24s %12llu %4llu.%llu%%", exit_reason_name(last), X(below), X(share.percent),
                    X(share.tenth));
    }
    monitor_say("%-24s %12llu", "all exits", X(exits));
    say_all_times(vm, rdtsc());
}

static void act_move(const struct monitor_order *order)
{
    const u32 n = order->arg[0];

    switch (order_move(n, order->arg[1], order->arg[2])) {
    case OK:
        monitor_say("vCPU %u of %s goes to CPU %u", order->arg[1], name_of(n), order->arg[2]);
        break;
    case E_RANGE:
        if (order->arg[2] >= cpu_count())
            monitor_say("there is no CPU %u; 'cpus' shows them", order->arg[2]);
        else
            monitor_say("%s has no vCPU %u; 'list' shows how many it has", name_of(n),
                        order->arg[1]);
        break;
    case E_PERM:
        monitor_say("%s may not run on CPU %u; lintel.conf says so with `cpu`", name_of(n),
                    order->arg[2]);
        break;
    default: answer(n, E_NOENT, "", "");
    }
}

/* ------------------------------------------------------------ the machine */

static void act_cpus(const struct monitor_order *order)
{
    (void)order;
    monitor_say("%3s %6s %6s", "CPU", "vCPUs", "busy");
    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        const struct cpu_share *c = &cpu_share[cpu];
        const struct share busy = share_of(READ_ONCE(c->busy), rdtsc() - READ_ONCE(c->began));

        monitor_say("%3u %6u %4llu.%llu%%", cpu, READ_ONCE(c->queue.count), X(busy.percent),
                    X(busy.tenth));
    }
}

static void act_audit(const struct monitor_order *order)
{
    (void)order;
    audit(NULL);
    for (u32 n = 0; n < bootinfo()->config.guest_count; n++)
        if (guest_vm(n))
            audit(guest_vm(n));
    monitor_say("all page tables are in order; %llu KiB of memory are free",
                X(hostmem()->free_frames * (PAGE_SIZE / 1024)));
}

static void say_log(void *ctx, const char *text, size_t len)
{
    (void)ctx;
    monitor_say_text(text, len);
}

static void act_log(const struct monitor_order *order)
{
    struct log_sink sink = {.write = say_log};
    const u64 written = log_written();

    (void)order;
    log_again(&sink, written - MIN(written, (u64)LOG_BYTES));
}

static void act_help(const struct monitor_order *order)
{
    (void)order;
    for (u32 i = 0; i < MONITOR_COMMANDS; i++)
        monitor_say("%-8s %-14s %s", monitor_commands[i].name, monitor_commands[i].usage,
                    monitor_commands[i].help);
    monitor_say("A command may be shortened.  Typed twice, Ctrl-\\ is one for the guest.");
}

static void act_leave(const struct monitor_order *order)
{
    (void)order;
    monitor_close();
}

static void act_exit(const struct monitor_order *order)
{
    act_leave(order);
}

/* ------------------------------------------------------------ lines */

static void (*const acts[MONITOR_COMMANDS])(const struct monitor_order *order) = {
#define MONITOR_COMMAND(name, args, usage, help) [MONITOR_##name] = act_##name,
#include "vmm/monitor_commands.def"
};

void monitor_act(void)
{
    static struct monitor_names names;
    const char *line = monitor_line();
    struct monitor_order order;
    char error[MONITOR_ERROR_MAX];

    if (!line)
        return;
    names.count = bootinfo()->config.guest_count;
    for (u32 n = 0; n < names.count; n++)
        names.name[n] = name_of(n);
    if (!monitor_parse(line, &names, &order, error))
        monitor_say("%s", error);
    else if (order.command != MONITOR_COMMANDS)
        acts[order.command](&order);
    if (monitor_is_open())
        monitor_next_line();
}
