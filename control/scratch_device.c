/* See scratch_device.h. */
#include "control/scratch_device.h"
#include "control/loop.h"
#include "control/memory.h"
#include "control/misuse.h"
#include "control/rt.h"
#include "control/rtc_test.h"
#include "lib/atomic.h"
#include "lib/mem.h"

#define PORTS_FIRST SCRATCH_PORTS
#define PORTS_LAST  (SCRATCH_PORTS + 35)
#define PAGE_FIRST  SCRATCH_PAGE
#define LINE        SCRATCH_LINE
#define MSI_TO_CPU0 0xfee00000ull
#define WINDOW      (64 * GiB) /* where a guest's memory is mapped, WINDOW for each partition */

static const struct abi_range ranges[] = {
    {PORTS_FIRST, PORTS_LAST, ABI_PORTS, 0},
    {PAGE_FIRST, PAGE_FIRST + PAGE_SIZE - 1, ABI_MEMORY, 0},
};

/* Which of the two bells. */
static const struct {
    struct abi_doorbell bell;
    u32 counter;
} bells[] = {
    {{.address = PAGE_FIRST + SCRATCH_BELL, .space = ABI_MEMORY}, 0},
    {{.address = PORTS_FIRST + SCRATCH_BELL, .space = ABI_PORTS}, 0},
    {{.address = PAGE_FIRST + SCRATCH_BELL_7,
      .space = ABI_MEMORY,
      .bytes = 4,
      .has_value = 1,
      .value = SCRATCH_BELL_VALUE},
     1},
};

static void ring_any(void *ctx)
{
    struct scratch_device *d = ctx;

    d->regs.rings[0]++;
}

static void ring_seven(void *ctx)
{
    struct scratch_device *d = ctx;

    d->regs.rings[1]++;
}

i64 scratch_attach(struct scratch_device *d, u32 partition)
{
    static event_handler *const handlers[] = {ring_any, ring_seven};
    i64 result = ABI_OK;

    d->partition = partition;
    scratch_reset(&d->regs, info->life);
    for (u32 i = 0; i < ARRAY_LEN(handlers); i++) {
        d->bell[i] = loop_free_port();
        if (d->bell[i] == 0)
            return ABI_ENOMEM;
        loop_on_event(d->bell[i], handlers[i], d);
    }
    for (u32 i = 0; i < ARRAY_LEN(ranges) && result == ABI_OK; i++)
        result = abi_claim(partition, rt_physical(&ranges[i]));
    for (u32 i = 0; i < ARRAY_LEN(bells) && result == ABI_OK; i++) {
        struct abi_doorbell bell = bells[i].bell;

        bell.port = d->bell[bells[i].counter];
        result = abi_doorbell(partition, rt_physical(&bell));
    }
    return result;
}

void scratch_detach(struct scratch_device *d)
{
    for (u32 i = 0; i < ARRAY_LEN(d->bell); i++)
        if (d->bell[i])
            loop_on_event(d->bell[i], NULL, NULL);
    memset(d, 0, sizeof(*d));
}

bool scratch_owns(const struct abi_request *r)
{
    for (u32 i = 0; i < ARRAY_LEN(ranges); i++)
        if (r->space == ranges[i].space && r->address >= ranges[i].first &&
            r->address <= ranges[i].last)
            return true;
    return false;
}

/* ------------------------------------------------------------ commands */

static u64 window(const struct scratch_device *d)
{
    return WINDOW + d->partition * GiB;
}

static void answer_late(void *ctx)
{
    struct scratch_device *d = ctx;

    loop_reply(d->slot, d->sequence, 0);
    d->sequence = 0;
}

static i64 map_granted(struct scratch_device *d)
{
    u64 gpa, bytes;
    i64 result;

    memcpy(&gpa, d->regs.storage, sizeof(gpa));
    memcpy(&bytes, d->regs.storage + 8, sizeof(bytes));
    result = abi_map(d->partition, gpa, bytes, window(d));
    if (result == ABI_OK && memory_window(window(d), bytes, false) != OK)
        return ABI_ENOMEM;
    if (result == ABI_OK)
        d->mapped = bytes;
    return result;
}

static i64 exchange(struct scratch_device *d)
{
    volatile u64 *const theirs = (volatile u64 *)window(d);
    u64 value, ours;

    if (!d->mapped)
        return ABI_ENOENT; /* by an earlier life, maybe */
    value = *theirs;
    memcpy(&ours, d->regs.storage, sizeof(ours));
    memcpy(d->regs.storage, &value, sizeof(value));
    *theirs = ours;
    return ABI_OK;
}

/* The guest is not to wait for the next life: it would find the same command there. */
static i64 die_of(u32 slot, u32 sequence, u32 what, u32 argument)
{
    (void)abi_reply(slot, sequence, 0);
    switch (what) {
    case SCRATCH_DO_crash: misuse_crash(); break;
    case SCRATCH_DO_spin: misuse_spin();
    case SCRATCH_DO_smash: misuse_smash(argument); break;
    default: return misuse_reach();
    }
    return ABI_OK;
}

/* The result; *answered: the write has had, or will have, its reply.  Not inline: what it calls has
 * arrays, whose guards other accesses need not pay for. */
static NOINLINE i64 command(struct scratch_device *d, u32 slot, u32 sequence, u32 what,
                            bool *answered)
{
    const u32 argument = what >> 8;

    switch (what & 0xff) {
    case SCRATCH_DO_line_up: return abi_line(d->partition, LINE, 1);
    case SCRATCH_DO_line_down: return abi_line(d->partition, LINE, 0);
    case SCRATCH_DO_msi: return abi_msi(d->partition, MSI_TO_CPU0, argument);
    case SCRATCH_DO_delay:
        d->slot = slot;
        d->sequence = sequence;
        *answered = true;
        return loop_at(time_now() + time_ms(argument), answer_late, d) == OK ? ABI_OK : ABI_ENOMEM;
    case SCRATCH_DO_twice:
        *answered = abi_reply(slot, sequence, 0) == ABI_OK;
        return abi_reply(slot, sequence, 0);
    case SCRATCH_DO_wrong: return misuse_replies(slot, sequence);
    case SCRATCH_DO_misuse: return misuse_calls(d->partition);
    case SCRATCH_DO_tables: return misuse_tables();
    case SCRATCH_DO_crash:
    case SCRATCH_DO_spin:
    case SCRATCH_DO_smash:
    case SCRATCH_DO_reach: *answered = true; return die_of(slot, sequence, what & 0xff, argument);
    case SCRATCH_DO_map: return map_granted(d);
    case SCRATCH_DO_exchange: return exchange(d);
    case SCRATCH_DO_unmap: return abi_unmap(window(d));
    case SCRATCH_DO_flood: misuse_flood(); return ABI_OK;
    case SCRATCH_DO_rtc: return rtc_test_start(&d->regs.result);
    case SCRATCH_DO_poll: loop_poll(argument); return ABI_OK;
    default: return ABI_ENOSYS;
    }
}

void scratch_serve(struct scratch_device *d, u32 slot, const struct abi_request *r)
{
    const u64 base = r->space == ABI_PORTS ? PORTS_FIRST : PAGE_FIRST;
    const u32 sequence = r->sequence;
    bool answered = false;
    u64 value = 0;
    u32 what;

    if (!r->write) {
        value = scratch_read(&d->regs, r->address - base, r->bytes);
    } else {
        what = scratch_write(&d->regs, r->address - base, r->bytes, r->value);
        if (what)
            d->regs.result = (u32)command(d, slot, sequence, what, &answered);
    }
    if (!answered)
        loop_reply(slot, sequence, value);
}
