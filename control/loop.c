/* See loop.h. */
#include "control/loop.h"
#include "control/rt.h"
#include "lib/atomic.h"
#include "lib/mem.h"

#define NEVER (~0ull)

static struct {
    event_handler *call;
    void *ctx;
} events[ABI_EVENTS];

static struct {
    u64 tsc; /* 0: free */
    event_handler *call;
    void *ctx;
} timers[TIMERS];

static turn_function *turns[TURN_USERS];
static bool turns_wanted;
static u64 turns_due; /* TSC at which one of them wants to be called again */
static request_handler *on_request;
static struct {
    bool is;
    u32 slot, sequence;
    u64 value;
} reply;                      /* one that has not gone out */
static u64 first_due = NEVER; /* of the timers */

/* ------------------------------------------------------------ events */

void loop_on_event(u32 port, event_handler *handler, void *ctx)
{
    events[port].call = handler;
    events[port].ctx = ctx;
}

u32 loop_free_port(void)
{
    for (u32 port = ABI_EVENT_FIRST; port < ABI_EVENTS; port++)
        if (!events[port].call)
            return port;
    return 0;
}

static void take_events(u32 word)
{
    turns_wanted = true;
    for (u64 bits = atomic_xchg(&info->pending[word], 0); bits; bits &= bits - 1) {
        const u32 port = word * 64 + (u32)__builtin_ctzll(bits);

        if (events[port].call)
            events[port].call(events[port].ctx);
    }
}

/* ------------------------------------------------------------ requests */

void loop_on_request(request_handler *handler)
{
    on_request = handler;
}

static void send_reply(void)
{
    if (reply.is && abi_reply(reply.slot, reply.sequence, reply.value) != ABI_OK)
        say("slot %u: nobody waits for reply %u", reply.slot, reply.sequence);
    reply.is = false;
}

void loop_reply(u32 slot, u32 sequence, u64 value)
{
    send_reply();
    reply.is = true;
    reply.slot = slot;
    reply.sequence = sequence;
    reply.value = value;
}

static void take_requests(u32 word)
{
    struct abi_request *const slots = (struct abi_request *)info->slots;

    for (u64 bits = atomic_xchg(&info->requests[word], 0); bits; bits &= bits - 1) {
        const u32 slot = word * 64 + (u32)__builtin_ctzll(bits);

        info->serving = slot + 1;
        on_request(slot, &slots[slot]);
        info->serving = 0;
    }
}

static void take(u64 news)
{
    for (; news; news &= news - 1) {
        const u32 word = (u32)__builtin_ctzll(news);

        if (word >= ABI_NEWS_REQUESTS)
            take_requests(word - ABI_NEWS_REQUESTS);
        else
            take_events(word);
    }
}

/* ------------------------------------------------------------ timers */

static void find_first_due(void)
{
    first_due = NEVER;
    for (u32 i = 0; i < TIMERS; i++)
        if (timers[i].tsc && timers[i].tsc < first_due)
            first_due = timers[i].tsc;
}

err_t loop_at(u64 tsc, event_handler *handler, void *ctx)
{
    for (u32 i = 0; i < TIMERS; i++) {
        if (timers[i].tsc)
            continue;
        timers[i].tsc = MAX(tsc, 1);
        timers[i].call = handler;
        timers[i].ctx = ctx;
        first_due = MIN(first_due, timers[i].tsc);
        return OK;
    }
    return E_NOMEM;
}

void loop_forget(event_handler *handler, const void *ctx)
{
    for (u32 i = 0; i < TIMERS; i++)
        if (timers[i].call == handler && timers[i].ctx == ctx)
            timers[i].tsc = 0;
    find_first_due();
}

static void take_timers(void)
{
    const u64 now = time_now();

    if (first_due > now)
        return;
    turns_wanted = true;
    for (u32 i = 0; i < TIMERS; i++) {
        if (timers[i].tsc == 0 || timers[i].tsc > now)
            continue;
        timers[i].tsc = 0;
        timers[i].call(timers[i].ctx);
    }
    find_first_due();
}

/* ------------------------------------------------------------ turns */

void loop_on_turn(turn_function *turn)
{
    for (u32 i = 0; i < TURN_USERS; i++)
        if (!turns[i]) {
            turns[i] = turn;
            return;
        }
    die("too many want to be called each turn");
}

void loop_want_turn(void)
{
    turns_wanted = true;
}

/* A look at everything costs more than a register of a device, which most requests are about. */
static void take_turns(void)
{
    if (!turns_wanted && !info->polling && (turns_due == NEVER || turns_due > time_now()))
        return;
    turns_wanted = false;
    turns_due = NEVER;
    for (u32 i = 0; i < TURN_USERS && turns[i]; i++) {
        const u64 next = turns[i]();

        turns_due = MIN(turns_due, next);
    }
}

/* ------------------------------------------------------------ the loop */

bool loop_polls(void)
{
    return info->polling;
}

void loop_poll(bool on)
{
    info->polling = on;
}

/* What there is to look at, ABI_NEWS_*, until that TSC value. */
static u64 wait(u64 until)
{
    const u64 missed = rt_missed();
    const u64 end = missed ? 0 : until;
    i64 news;

    if (reply.is) {
        reply.is = false;
        news = abi_reply_wait(reply.slot, reply.sequence, reply.value, end);
        if (news >= 0)
            return (u64)news | missed;
        say("slot %u: nobody waits for reply %u", reply.slot, reply.sequence);
    }
    return (u64)abi_wait(end) | missed;
}

static u64 poll(void)
{
    send_reply();
    rt_alive();
    return ABI_NEWS_ALL;
}

void loop_run(void)
{
    u64 news = ABI_NEWS_ALL;

    for (;;) {
        take(news);
        if (first_due != NEVER)
            take_timers();
        take_turns();
        news = info->polling ? poll() : wait(MIN(first_due, turns_due));
    }
}
