/* See world.h. */
#include "control/served/world.h"
#include "control/log.h"
#include "control/loop.h"
#include "control/rt.h"
#include "control/served/disk.h"
#include "control/served/lan.h"
#include "control/served/making.h"
#include "control/served/network.h"
#include "control/served/work.h"
#include "lib/mem.h"

/* ------------------------------------------------------------ guests */

static const char *state_of(const struct abi_partition *p)
{
    static const char *const resting[] = {
        [ABI_REST_WAITS] = "waits", [ABI_REST_STARTS] = "starts", [ABI_REST_ENDED] = "ended"};

    switch (p->state) {
    case ABI_PARTITION_NONE: return resting[p->rest];
    case ABI_PARTITION_NEW: return p->unloaded ? "loads" : "starts";
    case ABI_PARTITION_ENDS: return "ends";
    default: return p->paused ? "paused" : "runs";
    }
}

_Static_assert(ABI_VCPUS_MAX == MANAGE_VCPUS, "one number");

static bool guest(u32 number, struct manage_guest *g)
{
    static struct abi_partition p; /* too large for the stack */

    if (abi_partition(number, rt_physical(&p)) != ABI_OK ||
        (p.state == ABI_PARTITION_NONE && p.rest == ABI_REST_UNKNOWN))
        return false;
    *g = (struct manage_guest){
        .state = state_of(&p),
        .lives = p.state != ABI_PARTITION_NONE,
        .vcpus = p.vcpus,
        .memory = p.memory,
        .exits = p.exits,
        .ticks = p.ticks,
        .lintel = p.lintel,
        .asleep = p.asleep,
        .served = p.served != ABI_SERVED_OFF,
        .made = p.created,
    };
    memcpy(g->cpu, p.cpu, sizeof(g->cpu));
    memcpy(g->name, p.name, sizeof(g->name) - 1);
    return true;
}

/* ------------------------------------------------------------ figures */

static bool vcpu(u32 number, u32 id, struct abi_vcpu_stats *s)
{
    return abi_vcpu_stats(number, id, rt_physical(s)) == ABI_OK;
}

/* Whoever asks may have it on the stack. */
static bool cpu(u32 number, struct abi_cpu_stats *s)
{
    static struct abi_cpu_stats stats;
    const bool is_there = abi_cpu_stats(number, rt_physical(&stats)) == ABI_OK;

    *s = stats;
    return is_there;
}

static u32 trace(u32 number, u64 position, struct trace_record *to, u32 most)
{
    const i64 count = abi_trace_read(number, position, rt_physical(to), most);

    return count > 0 ? (u32)count : 0;
}

static u64 audit(void)
{
    return (u64)abi_audit();
}

/* ------------------------------------------------------------ orders */

static err_t err_of(i64 result)
{
    switch (result) {
    case ABI_OK: return OK;
    case ABI_ENOENT: return E_NOENT;
    case ABI_EEXIST: return E_EXIST;
    case ABI_EPERM: return E_PERM;
    default: return E_RANGE;
    }
}

static err_t start(u32 number)
{
    return err_of(abi_start(number));
}

static err_t end(u32 number, bool again)
{
    return err_of(abi_end(number, again ? ABI_END_RESET : ABI_END_OFF));
}

static err_t forget(u32 number)
{
    return err_of(abi_forget(number));
}

static err_t pause(u32 number, bool on)
{
    return err_of(on ? abi_pause(number) : abi_resume(number));
}

static err_t press_power_button(u32 number)
{
    return err_of(abi_power_button(number));
}

static err_t move(u32 number, u64 vcpu, u64 cpu)
{
    return err_of(abi_move(number, vcpu, cpu));
}

static err_t show(u32 number)
{
    return err_of(abi_console_show(number));
}

static void hide(void)
{
    (void)abi_console_show(0);
}

/* ------------------------------------------------------------ devices */

/* The n-th device of a kind, the oldest first; otherwise NULL, and *more says how many there are
 * too few. */
static struct served_device *device(enum device_kind kind, u32 n, u32 *more)
{
    struct served_device *d;
    u32 count = 0;

    for (d = work_devices(); d; d = d->next)
        count += d->kind == kind;
    if (n >= count) {
        *more = n - count;
        return NULL;
    }
    for (d = work_devices(); d->kind != kind || --count != n; d = d->next)
        ;
    return d;
}

static bool disk(u32 n, struct manage_disk *facts)
{
    u32 more;
    const struct served_device *const d = device(DEVICE_DISK, n, &more);

    if (d)
        disk_facts(d, facts);
    return d != NULL;
}

static bool port(u32 n, struct manage_port *facts)
{
    u32 more = 0;
    const struct served_device *const d = device(DEVICE_NET, n, &more);

    if (!d)
        return lan_card(more, facts);
    network_facts(d, facts);
    return true;
}

static u32 set_link(const char *name, bool up)
{
    u32 cables = 0;

    for (struct served_device *d = work_devices(); d; d = d->next)
        if (d->kind == DEVICE_NET && strcmp(d->guest, name) == 0) {
            network_set_link(d, up);
            cables++;
        }
    return cables;
}

/* ------------------------------------------------------------ Lintel's log */

#define LOG_BYTES (16u * KiB)
#define NO_LEVEL  (~0ull)

/* It may grow meanwhile: what comes after the first look is left for the next time. */
static const char *lintel_log(u32 lines)
{
    static char text[LOG_BYTES + 1];
    const u64 end = (u64)abi_log_end();
    u64 at = end - MIN(end, (u64)LOG_BYTES);
    u32 len = 0, from;

    while (at < end) {
        const u64 most = MIN(end - at, (u64)ABI_LOG_MAX);
        const i64 count = abi_log_read(at, rt_physical(text + len), most);

        if (count <= 0)
            break;
        len += (u32)count;
        at += (u64)count;
    }
    text[len] = '\0';
    for (from = len; from > 0; from--)
        if (text[from - 1] == '\n' && from < len && lines-- == 1)
            break;
    return text + from;
}

static u32 log_level(void)
{
    return (u32)abi_log_level(NO_LEVEL);
}

static void set_log_level(u32 level)
{
    (void)abi_log_level(level);
}

/* ------------------------------------------------------------ settings */

static bool may_poll(void)
{
    return info->may_poll != 0;
}

static void set_poll(bool on)
{
    loop_poll(on);
    work_poll_queues(on);
}

const struct manage_world *world_open(void)
{
    static struct manage_world world = {
        .guest = guest,
        .vcpu = vcpu,
        .cpu = cpu,
        .trace = trace,
        .audit = audit,
        .disk = disk,
        .port = port,
        .set_link = set_link,
        .log = log_last,
        .start = start,
        .end = end,
        .forget = forget,
        .pause = pause,
        .volume = making_volume,
        .create = making_create,
        .made = making_made,
        .press_power_button = press_power_button,
        .move = move,
        .show = show,
        .hide = hide,
        .lintel_log = lintel_log,
        .log_level = log_level,
        .set_log_level = set_log_level,
        .polls = loop_polls,
        .may_poll = may_poll,
        .set_poll = set_poll,
    };

    world.tsc_hz = info->tsc_hz;
    world.partitions = info->partitions;
    return &world;
}
