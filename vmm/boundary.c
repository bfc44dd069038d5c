/* See boundary.h. */
#include "vmm/boundary.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/tsc.h"
#include "vmm/cpu_share.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

/* The control partition has to wait for events at least so often, or is taken for dead. */
#define ALIVE_MS 500u

/* Doorbells on the control partition's own CPU: so long the guest may go on, and ring others. */
#define SOON_US 20u

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
static bool is_new(u32 port)
{
    const u64 bit = BIT(port % 64);

    if (!boundary.control || (atomic_or(&boundary.info->pending[port / 64], bit) & bit))
        return false;
    return !(READ_ONCE(boundary.info->mask[port / 64]) & bit);
}

void event_post(u32 port)
{
    spin_lock(&boundary.lock);
    if (is_new(port))
        wake();
    spin_unlock(&boundary.lock);
}

/* With the lock, in a guest's turn.  On another CPU at once; on this one when the guest leaves it,
 * which it does soon. */
static void wake_soon(void)
{
    struct cpu_share *c = this_cpu_share();
    struct vcpu *control = boundary.control, *v = c->running;

    if (control->cpu != this_cpu()->id || !v || READ_ONCE(control->away.waits) != WAIT_EVENT) {
        wake();
        return;
    }
    if (c->soon || is_polling())
        return;
    c->soon = control;
    v->turn_ends = MIN(v->turn_ends, rdtsc() + SOON_US * (tsc_hz / 1000000));
    vcpu_end_turn_by(v);
}

void event_ring(u32 port)
{
    spin_lock(&boundary.lock);
    if (is_new(port))
        wake_soon();
    spin_unlock(&boundary.lock);
}

static bool something_is_pending(const struct abi_info *info)
{
    for (u32 i = 0; i < ARRAY_LEN(info->requests); i++)
        if (READ_ONCE(info->requests[i]))
            return true;
    for (u32 i = 0; i < ARRAY_LEN(info->pending); i++)
        if (READ_ONCE(info->pending[i]) & ~READ_ONCE(info->mask[i]))
            return true;
    return false;
}

static void is_alive(struct vcpu *v, u64 now)
{
    v->vm->dies_at = now + ALIVE_MS * (tsc_hz / 1000);
    v->turn_ends = MIN(v->turn_ends, v->vm->dies_at);
}

bool boundary_wait(struct vcpu *v, u64 until)
{
    v->wake = until;
    (void)atomic_xchg(&v->away.waits,
                      (u16)WAIT_EVENT); /* before the look: who posts later sees it */
    if (!something_is_pending(boundary.info) && rdtsc() < until) {
        v->vm->dies_at = ~0ull;
        vcpu_todo(v, TODO_WAIT);
        return true;
    }
    v->away.waits = WAIT_NOTHING;
    is_alive(v, rdtsc());
    return false;
}

void boundary_goes_on(struct vcpu *v)
{
    v->away.waits = WAIT_NOTHING;
    is_alive(v, rdtsc());
}

static bool control_goes_on(struct vcpu *v)
{
    if (rdtsc() < v->wake && (v->away.waits == WAIT_TIME || !something_is_pending(boundary.info)))
        return false;
    boundary_goes_on(v);
    return true;
}

bool boundary_wait_is_over(struct vcpu *v, const struct exit *x)
{
    return v->away.waits == WAIT_REPLY ? forward_finish(v, x) : control_goes_on(v);
}

/* ------------------------------------------------------------ requests */

/* With the lock. */
static void answer(u32 slot, u64 value)
{
    struct vcpu *v = boundary.slot[slot].v;

    boundary.slot[slot].v = NULL;
    v->forward.value = value;
    store_release(&v->forward.replied, 1);
    if (!v->forward.handed)
        vcpu_ask(v, TODO_WAKE);
}

/* With the lock.  It waits on this CPU: it cannot leave it, or end, before v has left its turn to
 * it or asked it to wake up. */
static bool hand_over(struct vcpu *v)
{
    struct vcpu *control = boundary.control;

    if (control->cpu != v->cpu || READ_ONCE(control->away.waits) != WAIT_EVENT || is_polling())
        return false;
    v->forward.to = control;
    return true;
}

bool boundary_request(struct vcpu *v)
{
    const u32 n = v->vm->served.slot + v->id;
    const struct forwarded_access *a = &v->forward.at;
    bool up;

    spin_lock(&boundary.lock);
    up = boundary.control != NULL;
    if (up) {
        boundary.slot[n].v = v;
        boundary.slots[n] = (struct abi_request){
            .sequence = ++boundary.slot[n].sequence,
            .partition = (u16)(v->vm->id + 1),
            .vcpu = (u8)v->id,
            .space = a->space,
            .address = a->address,
            .value = a->write ? a->value : 0,
            .bytes = (u8)a->bytes,
            .write = a->write,
        };
        v->forward.replied = 0;
        v->away.waits = WAIT_REPLY;
        v->wake = SCHED_NEVER;
        (void)atomic_or(&boundary.info->requests[n / 64], BIT(n % 64));
        if (!hand_over(v))
            wake();
    }
    spin_unlock(&boundary.lock);
    return up;
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
    spin_unlock(&boundary.lock);
}

void boundary_close(void)
{
    spin_lock(&boundary.lock);
    boundary.control = NULL;
    for (u32 i = 0; i < ABI_SLOTS; i++)
        if (boundary.slot[i].v)
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
