/* See boundary.h. */
#include "vmm/boundary.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/tsc.h"
#include "vmm/cpu_share.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

/* The control partition has to wait for events at least so often, or is taken for dead. */
#define ALIVE_TICKS (tsc_hz / 2)
#define NEVER       (~0ull)

/* Doorbells on the control partition's own CPU: so long the guest may go on, and ring others. */
#define SOON_US 5u

/* A request that was being served at so many deaths is not repeated: it may be what kills. */
#define DEADLY 2u

struct boundary boundary;

/* ------------------------------------------------------------ events */

static bool is_polling(void)
{
    return READ_ONCE(boundary.info->polling) != 0;
}

/* With the lock.  While it runs, it looks before it waits. */
static void wake(void)
{
    if (!is_polling() && READ_ONCE(boundary.control->away.waits) == WAIT_EVENT)
        vcpu_ask(boundary.control, TODO_WAKE);
}

/* With the lock.  Makes it pending; false: it was, or nobody wants to be woken for it. */
static inline __attribute__((always_inline)) bool is_new(u32 port)
{
    const u64 bit = BIT(port % 64);

    if (!boundary.control || (atomic_or(&boundary.info->pending[port / 64], bit) & bit))
        return false;
    if (READ_ONCE(boundary.info->mask[port / 64]) & bit)
        return false;
    (void)atomic_or(&boundary.news, BIT(port / 64));
    return true;
}

/* With the lock, in v's turn.  On another CPU at once; on this one when the guest leaves it,
 * which it does soon. */
static NOINLINE void wake_soon(struct vcpu *v)
{
    struct cpu_share *c = &cpu_share[v->cpu];
    struct vcpu *control = boundary.control;

    if (control->cpu != v->cpu || READ_ONCE(control->away.waits) != WAIT_EVENT) {
        wake();
        return;
    }
    if (c->soon || is_polling())
        return;
    c->soon = control;
    v->turn_ends = MIN(v->turn_ends, rdtsc() + SOON_US * (tsc_hz / 1000000));
    vcpu_end_turn_by(v);
}

bool event_ring(struct vcpu *v, u32 port)
{
    if (!port)
        return false;
    spin_lock(&boundary.lock);
    if (unlikely(is_new(port)))
        wake_soon(v);
    spin_unlock(&boundary.lock);
    return true;
}

void event_post(u32 port)
{
    spin_lock(&boundary.lock);
    if (is_new(port))
        wake();
    spin_unlock(&boundary.lock);
}

static void is_alive(struct vcpu *v, u64 now)
{
    const u64 dies_at = now + ALIVE_TICKS;

    v->vm->dies_at = dies_at;
    v->turn_ends = MIN(v->turn_ends, dies_at);
}

void boundary_runs(const struct vcpu *v, u64 now)
{
    u64 *const dies_at = &v->vm->dies_at;

    if (v == READ_ONCE(boundary.control) && *dies_at != NEVER)
        *dies_at += now - MAX(v->left, *dies_at - ALIVE_TICKS);
}

/* Which words of the info page have something new, once. */
static u64 take_news(void)
{
    return READ_ONCE(boundary.news) ? atomic_xchg(&boundary.news, 0) : 0;
}

u64 boundary_wait(struct vcpu *v, u64 until, u64 now)
{
    v->wake = until;
    (void)atomic_xchg(&v->away.waits,
                      (u16)WAIT_EVENT); /* before the look: who posts later sees it */
    if (!READ_ONCE(boundary.news) && now < until) {
        v->vm->dies_at = NEVER;
        return 0;
    }
    v->away.waits = WAIT_NOTHING;
    is_alive(v, now);
    return take_news();
}

void boundary_goes_on(struct vcpu *v, u64 now)
{
    if (v->away.waits == WAIT_EVENT)
        v->vmx.guest.regs.r[RAX] = take_news();
    v->away.waits = WAIT_NOTHING;
    is_alive(v, now);
}

bool boundary_wait_is_over(struct vcpu *v)
{
    const u64 now = rdtsc();

    if (now < v->wake && (v->away.waits == WAIT_TIME || !READ_ONCE(boundary.news)))
        return false;
    boundary_goes_on(v, now);
    return true;
}

/* ------------------------------------------------------------ requests */

/* With the lock. */
static void answer(u32 slot, u64 value)
{
    struct vcpu *v = boundary.slot[slot].v;

    boundary.slot[slot].v = NULL;
    v->forward.value = value;
    store_release(&v->forward.replied, 1);
    vcpu_ask(v, TODO_WAKE);
}

/* With the lock.  The request of the virtual CPU that waits there is shown. */
static void show_request(u32 n)
{
    const struct vcpu *v = boundary.slot[n].v;
    const struct forwarded_access *a = &v->forward.at;
    struct abi_request *r = &boundary.slots[n];

    r->sequence = ++boundary.slot[n].sequence;
    r->partition = (u16)(v->vm->id + 1);
    r->vcpu = (u8)v->id;
    r->space = a->space;
    r->address = a->address;
    r->value = a->value;
    r->bytes = (u8)a->bytes;
    r->write = a->write;
    (void)atomic_or(&boundary.info->requests[n / 64], BIT(n % 64));
    (void)atomic_or(&boundary.news, BIT(ABI_NEWS_REQUESTS + n / 64));
}

/* With the lock.  It waits on this CPU. */
static bool is_at_hand(const struct vcpu *v)
{
    const struct vcpu *control = boundary.control;

    return control->cpu == v->cpu && READ_ONCE(control->away.waits) == WAIT_EVENT && !is_polling();
}

bool boundary_request(struct vcpu *v, struct vcpu **at_hand)
{
    const u32 n = v->vm->served.slot + v->id;
    bool served;

    spin_lock(&boundary.lock);
    served = !boundary.over;
    if (served) {
        boundary.slot[n].v = v;
        boundary.slot[n].deaths = 0;
        v->forward.replied = 0;
        v->away.waits = WAIT_REPLY;
    }
    if (served && boundary.control) {
        show_request(n);
        if (at_hand && is_at_hand(v))
            *at_hand = boundary.control;
        else
            wake();
    }
    spin_unlock(&boundary.lock);
    return served;
}

bool boundary_takes(struct vcpu *v, u32 slot, u64 sequence)
{
    bool mine;

    spin_lock(&boundary.lock);
    mine = boundary.slot[slot].v == v && boundary.slot[slot].sequence == sequence;
    if (mine)
        boundary.slot[slot].v = NULL;
    spin_unlock(&boundary.lock);
    return mine;
}

err_t boundary_reply(u32 slot, u32 sequence, u64 value)
{
    err_t err = OK;

    if (slot >= ABI_SLOTS)
        return E_RANGE;
    spin_lock(&boundary.lock);
    if (boundary.slot[slot].v && boundary.slot[slot].sequence == sequence)
        answer(slot, value);
    else
        err = E_NOENT;
    spin_unlock(&boundary.lock);
    return err;
}

/* ------------------------------------------------------------ life */

void boundary_open(struct vcpu *control, struct abi_info *info, struct abi_request *slots)
{
    spin_lock(&boundary.lock);
    boundary.control = control;
    boundary.info = info;
    boundary.slots = slots;
    boundary.news = ABI_NEWS_ALL;
    boundary.over = false;
    for (u32 i = 0; i < ABI_SLOTS; i++)
        if (boundary.slot[i].v)
            show_request(i);
    spin_unlock(&boundary.lock);
}

bool boundary_is_open(void)
{
    return READ_ONCE(boundary.control) != NULL;
}

bool boundary_is_over(void)
{
    return READ_ONCE(boundary.over);
}

/* With the lock.  Whether it has ended over this slot's request, and not for the first time. */
static bool is_deadly(u32 slot)
{
    if (READ_ONCE(boundary.info->serving) != slot + 1)
        return false;
    return ++boundary.slot[slot].deaths == DEADLY;
}

void boundary_close(bool for_good)
{
    spin_lock(&boundary.lock);
    boundary.control = NULL;
    boundary.over = for_good;
    for (u32 i = 0; i < ABI_SLOTS; i++)
        if (boundary.slot[i].v && (for_good || is_deadly(i)))
            answer(i, ~0ull);
    spin_unlock(&boundary.lock);
}

static bool is_taken(u32 slot)
{
    return boundary.taken[slot / 64] >> (slot % 64) & 1;
}

static void mark(u32 first, u32 count, bool taken)
{
    for (u32 i = first; i < first + count; i++)
        if (taken)
            boundary.taken[i / 64] |= BIT(i % 64);
        else
            boundary.taken[i / 64] &= ~BIT(i % 64);
}

err_t boundary_enter(struct vm *vm)
{
    err_t err = E_NOMEM;
    u32 run = 0;

    spin_lock(&boundary.lock);
    for (u32 i = 0; i < ABI_SLOTS && err != OK; i++) {
        run = is_taken(i) ? 0 : run + 1;
        if (run == vm->vcpus) {
            vm->served.slot = i + 1 - run;
            mark(vm->served.slot, run, true);
            err = OK;
        }
    }
    spin_unlock(&boundary.lock);
    return err;
}

void boundary_leave(struct vm *vm)
{
    if (vm->served.slot == SERVED_NONE)
        return;
    spin_lock(&boundary.lock);
    for (u32 i = 0; i < vm->vcpus; i++)
        boundary.slot[vm->served.slot + i].v = NULL;
    mark(vm->served.slot, vm->vcpus, false);
    vm->served.slot = SERVED_NONE;
    spin_unlock(&boundary.lock);
}
