/* What a vCPU has to do before it can be entered: its mailbox, its devices, its sleep in HLT, its
 * CPU's wishes, and which event goes in. */
#include "vmm/todo.h"
#include "abi/kvm.h"
#include "arch/x86_64/cr.h"
#include "lib/atomic.h"
#include "vmm/boundary.h"
#include "vmm/console.h"
#include "vmm/console_turn.h"
#include "vmm/control_call.h"
#include "vmm/cpu_share.h"
#include "vmm/grant.h"
#include "vmm/irq.h"
#include "vmm/pv.h"
#include "vmm/record.h"
#include "vmm/vcpu_first.h"
#include "vmm/vcpu_init.h"
#include "vmm/vcpu_irq.h"
#include "vmm/vcpu_look.h"
#include "vmm/vm_end.h"
#include "vmm/wake.h"

/* TSC ticks: a guest whose timers are due all the time still gets on. */
#define SLICE_FLOOR 64u

/* Asked once, and to be done by a vCPU that waits when it goes on: they do not end its wait. */
#define TODO_AFTER_WAIT (TODO_BOARD | TODO_EVENT | TODO_CONSOLE | TODO_LINES)

#define BLOCKED_STI     BIT(0)
#define BLOCKED_MOV_SS  BIT(1)

/* ------------------------------------------------------------ devices */

/* The guest asked its board for something: end, as `vm->end` says. */
static void obey_wish(struct vm *vm)
{
    switch (vm->board.wish) {
    case BOARD_NOTHING: return;
    case BOARD_POWER_OFF: vm_end(vm, VM_END_POWEROFF, 0); break;
    case BOARD_RESET: vm_end(vm, VM_END_REBOOT, 0); break;
    case BOARD_DEBUG_EXIT: vm_end(vm, VM_END_DEBUG_EXIT, vm->board.wish_value); break;
    }
    vm->board.wish = BOARD_NOTHING;
}

/* What comes from outside: interrupt lines, what was typed, room for what is to be sent.  With the
 * board's lock. */
static void take_typed(struct vm *vm, u64 now)
{
    struct board *b = &vm->board;
    u8 byte;

    board_set_lines(b, READ_ONCE(vm->served.lines));
    if (unlikely(READ_ONCE(vm->button)) && atomic_xchg(&vm->button, 0))
        board_press_power_button(b, now);
    board_console_drained(b, now);
    while (board_console_room(b) && console_typed(vm, &byte)) {
        record_typed(byte);
        board_console_input(b, byte);
    }
}

/* Any vCPU runs the board when it has a reason to look; that it is run in time is the first one's
 * business. */
static void run_board(struct vcpu *v, u64 now, bool typed)
{
    struct vm *vm = v->vm;
    struct board *b = &vm->board;

    board_lock(v);
    if (typed)
        take_typed(vm, now);
    if (now >= b->deadline) {
        board_tick(b, now);
        vcpu_take_messages(v);
    }
    obey_wish(vm);
    board_unlock(v);
}

/* Devices and consoles up to now; returns when they want to be looked at again. */
static u64 run_devices(struct vcpu *v, u64 todo, u64 now)
{
    const bool has_console = v->cpu == 0;
    bool typed = todo & (TODO_CONSOLE | TODO_LINES);

    if (has_console && now >= console_due())
        typed |= console_turn(v, now);
    run_board(v, now, typed);
    if (now >= v->lapic.deadline)
        lapic_tick(&v->lapic, now);
    if (unlikely(v->lapic.attention))
        vcpu_attend(v);
    return vcpu_next_look(v);
}

/* ------------------------------------------------------------ events */

static void inject(struct vcpu *v, struct event e)
{
    vmx_inject(&v->vmx, e.info, e.error, e.insn_len);
    trace(v->trace, TRACE_INJECT, v->trace_id, e.info, e.error, 0);
}

/* Blocking by NMI begins with an NMI that goes in, and Lintel knows of each.  A processor that says
 * so of another vCPU keeps the one that ran before it blocked: Bochs 2.7 does, and would do so for
 * good where the guest has no IRET. */
static bool nmi_is_blocked(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;
    const u64 blocking = gs_get(g, GS_INTERRUPTIBILITY);

    if (!(blocking & VCPU_BLOCKED_BY_NMI))
        return false;
    if (!v->nmi_in_service)
        gs_set(g, GS_INTERRUPTIBILITY, blocking & ~(u64)VCPU_BLOCKED_BY_NMI);
    return v->nmi_in_service;
}

static bool nmi_can_come(struct vcpu *v)
{
    return v->nmi_pending && !nmi_is_blocked(v);
}

/* Something goes in, or waits until it can. */
static bool needs_plan(const struct vcpu *v)
{
    return v->pending.info || v->nmi_pending || vcpu_irq_pending(v);
}

static void plan_nothing(struct vcpu *v)
{
    vmx_close_windows(&v->vmx);
    v->irq_planned = v->extint_planned = false;
}

/* Most often it is an interrupt of the local APIC alone that the guest can take now: that needs
 * none of the rules below.  False: it does, and nothing was done. */
static bool deliver(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;
    int vector;

    if (v->pending.info || v->nmi_pending || vcpu_extint_pending(v) ||
        !(gs_get(g, GS_RFLAGS) & RFLAGS_IF) ||
        (gs_get(g, GS_INTERRUPTIBILITY) & (BLOCKED_STI | BLOCKED_MOV_SS)))
        return false;
    vector = lapic_take(&v->lapic);
    if (vector == LAPIC_NO_VECTOR)
        return false;
    v->stats->injected++;
    vmx_inject_interrupt(&v->vmx, (u8)vector);
    trace(v->trace, TRACE_INJECT, v->trace_id, EVENT_VALID | (u8)vector, 0, 0);
    if (v->pv.eoi & KVM_MSR_ENABLED)
        pv_eoi_share(v);
    v->irq_planned = lapic_has_requests(&v->lapic) && vcpu_irq_pending(v);
    v->extint_planned = false;
    vmx_set_irq_window(&v->vmx, v->irq_planned);
    vmx_set_nmi_window(&v->vmx, false);
    return true;
}

/* By the rules for what may go in when. */
static NOINLINE void plan_by_rules(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;
    const bool nmi_blocked = v->nmi_pending && nmi_is_blocked(v);
    const u64 blocking = gs_get(g, GS_INTERRUPTIBILITY);
    const struct irq_view view = {
        .exception = v->pending.info,
        .nmi = v->nmi_pending,
        .nmi_blocked = nmi_blocked,
        .irq = vcpu_irq_pending(v),
        .iflag = gs_get(g, GS_RFLAGS) & RFLAGS_IF,
        .sti_blocking = blocking & BLOCKED_STI,
        .movss_blocking = blocking & BLOCKED_MOV_SS,
    };
    const struct irq_plan plan = irq_plan(&view);

    if (plan.ack_irq) {
        v->stats->injected++;
        inject(v, (struct event){.info = EVENT_VALID | EVENT_TYPE_EXT_INT << 8 | vcpu_irq_ack(v)});
        if (!v->pv.eoi_vector)
            pv_eoi_share(v);
    } else if (plan.inject) {
        const struct event e = v->pending.info ? v->pending : (struct event){.info = plan.inject};

        inject(v, e);
        v->nmi_in_service |= EVENT_TYPE(e.info) == EVENT_TYPE_NMI;
        if (v->pending.info)
            v->pending = (struct event){0};
        else
            v->nmi_pending = false;
    }
    /* Another one of higher priority may ask by now. */
    vmx_set_irq_window(&v->vmx, plan.irq_window || (plan.ack_irq && vcpu_irq_pending(v)));
    vmx_set_nmi_window(&v->vmx, plan.nmi_window);
    v->irq_planned = vcpu_irq_pending(v);
    v->extint_planned = vcpu_extint_pending(v);
}

/* Decides what goes in with the next entry, and which windows to ask for. */
static void plan_events(struct vcpu *v)
{
    if (lapic_has_requests(&v->lapic)) {
        if (v->apic_page) {
            vcpu_post_interrupts(v);
        } else {
            if (v->pv.eoi_vector)
                pv_eoi_take(v);
            if (deliver(v))
                return;
        }
    }
    if (likely(!needs_plan(v)))
        plan_nothing(v);
    else
        plan_by_rules(v);
}

/* ------------------------------------------------------------ sleep */

static bool leave(struct vcpu *v, enum vcpu_leave why)
{
    v->leave = why;
    return false;
}

static bool leave_asleep(struct vcpu *v, u64 deadline)
{
    v->wake = v->deadline = deadline;
    return leave(v, LEAVE_ASLEEP);
}

static bool wakes(struct vcpu *v)
{
    if (v->waits_for_sipi)
        return false;
    if (v->pending.info || nmi_can_come(v))
        return true;
    return (gs_get(&v->vmx.guest, GS_RFLAGS) & RFLAGS_IF) && vcpu_irq_wakes(v);
}

/* Neither an interrupt nor its own timer can wake it. */
static bool is_dead(struct vcpu *v)
{
    return v->waits_for_sipi || (!(gs_get(&v->vmx.guest, GS_RFLAGS) & RFLAGS_IF) &&
                                 !nmi_can_come(v) && !v->pending.info);
}

static void set_timer(struct vcpu *v, u64 deadline, u64 now)
{
    vmx_set_timer(&v->vmx, deadline > now + SLICE_FLOOR ? deadline - now : SLICE_FLOOR);
    v->deadline = deadline;
}

static void account_sleep(struct vcpu *v, struct exit *x, u64 slept)
{
    x->tsc += slept; /* not time spent in Lintel */
    v->stats->waiting += slept;
    trace(v->trace, TRACE_WAIT, v->trace_id, 0, slept, 0);
}

/* This CPU sleeps until an event is due for the guest, or somebody wants something of the vCPU, if
 * no other vCPU can use the CPU meanwhile.  False: it leaves. */
static NOINLINE bool sleep_here(struct vcpu *v, struct exit *x, u64 deadline, u64 now)
{
    const u64 start = now;

    while (v->asleep && !READ_ONCE(v->todo)) {
        const u64 until = v->cpu == 0 ? MIN(deadline, console_due()) : deadline;

        if (!cpu_may_sleep(v)) {
            account_sleep(v, x, now - start);
            return leave_asleep(v, deadline);
        }
        record_sleep(until);
        cpu_sleep(&v->todo, until);
        now = record_now();
        deadline = run_devices(v, 0, now);
        v->asleep = !wakes(v);
    }
    vm_vcpu_alive(v);
    account_sleep(v, x, now - start);
    set_timer(v, deadline, now);
    return true;
}

/* HLT, or waiting for SIPI, as of `now`. */
static bool sleep(struct vcpu *v, struct exit *x, u64 deadline, u64 now)
{
    if (unlikely(cpu_share[v->cpu].soon) && control_serve(v, x))
        return true;
    if (is_dead(v))
        vm_vcpu_dead(v);
    if (!cpu_may_sleep(v) && !READ_ONCE(v->todo))
        return leave_asleep(v, deadline);
    return sleep_here(v, x, deadline, now);
}

/* ------------------------------------------------------------ everything */

static bool wait_is_over(struct vcpu *v, const struct exit *x)
{
    switch (v->away.waits) {
    case WAIT_REPLY: return forward_finish(v, x);
    case WAIT_FIRST: return vcpu_takes_first(v);
    default: return boundary_wait_is_over(v);
    }
}

/* It is to go to another CPU, or waits for a reply or an event. */
static NOINLINE bool is_held(struct vcpu *v, const struct exit *x, u64 todo)
{
    if (v->away.flush)
        grant_flush(v);

    const bool waits =
        v->away.waits && ((todo & (TODO_WAIT | TODO_WAKE)) == TODO_WAIT || !wait_is_over(v, x));

    if (READ_ONCE(v->vm->paused))
        v->leave = LEAVE_PAUSED;
    else if (READ_ONCE(v->away.move_to))
        v->leave = LEAVE_MOVES;
    else if (waits)
        v->leave = LEAVE_WAITS;
    else
        return false;
    if (v->leave == LEAVE_WAITS)
        vcpu_todo(v, todo & TODO_AFTER_WAIT);
    return true;
}

/* Where it was told to stay away from, or to go to: without a look at its devices, whose time goes
 * on.  What it is told else is asked again when it comes back. */
static bool is_sent_away(struct vcpu *v, const struct exit *x, u64 todo)
{
    if (READ_ONCE(v->vm->end) != VM_RUNNING)
        return false;
    if (unlikely(READ_ONCE(v->away.any)) && is_held(v, x, todo))
        return true;
    if (!READ_ONCE(v->vm->paused))
        return false;
    v->leave = LEAVE_PAUSED;
    return true;
}

/* Devices, consoles and its CPU. */
static bool look_around(struct vcpu *v, struct exit *x, u64 todo)
{
    if (unlikely(is_sent_away(v, x, todo)))
        return false;
    const u64 now = record_now();
    const u64 deadline = run_devices(v, todo, now);

    if (v->vm->end != VM_RUNNING) {
        vcpu_todo(v, TODO_END);
        return leave(v, LEAVE_ENDED);
    }
    if (todo & TODO_YIELD)
        return leave(v, LEAVE_YIELD);
    if ((todo & TODO_RESCHED) || now >= v->turn_ends)
        return (!(todo & TODO_RESCHED) && control_serve(v, x)) || leave(v, LEAVE_TURN_OVER);
    v->asleep = v->asleep && !wakes(v);
    if (v->asleep)
        return sleep(v, x, deadline, now);
    set_timer(v, deadline, now);
    return true;
}

/* Of these, nothing has to be looked at before v->deadline. */
#define TODO_QUIET ((u64)(TODO_EVENT | TODO_MAIL | TODO_HALT | TODO_TURN | TODO_COUNT))

static bool is_quiet(const struct vcpu *v, u64 todo)
{
    return !(todo & ~TODO_QUIET) && !v->lapic.attention && v->vm->end == VM_RUNNING &&
           !READ_ONCE(v->vm->paused) && !READ_ONCE(v->away.any);
}

/* What came was an interrupt, a window or the turn, or the guest waits: devices are left alone.  An
 * NMI that told of the mailbox has used up the timer. */
static bool go_on(struct vcpu *v, struct exit *x, u64 todo)
{
    if (!(todo & ~(u64)(TODO_EVENT | TODO_COUNT)) && !v->asleep)
        return true;

    const u64 now = record_now();

    if (v->deadline <= now)
        return look_around(v, x, todo);
    v->asleep = v->asleep && !wakes(v);
    if (v->asleep)
        return sleep(v, x, v->deadline, now);
    if (todo & (TODO_MAIL | TODO_TURN | TODO_HALT))
        set_timer(v, v->deadline, now);
    return true;
}

static bool do_todo(struct vcpu *v, struct exit *x, u64 todo)
{
    if (todo & (TODO_MAIL | TODO_HALT | TODO_TURN)) {
        if (todo & TODO_MAIL)
            mail_take(&v->mail, &v->lapic);
        if (todo & TODO_HALT)
            v->asleep = true;
        if (todo & TODO_TURN)
            v->deadline = vcpu_next_look(v);
    }
    return is_quiet(v, todo) ? go_on(v, x, todo) : look_around(v, x, todo);
}

/* True: it is not to be entered, v->todo says so.  TODO_COUNT is set at each entry, so that each
 * exit comes here; other guests' exits have nothing to test for it. */
static NOINLINE bool watch(struct vcpu *v)
{
    struct vm *vm = v->vm;

    if (v->triple_fault) {
        vm_stop(v, NULL, "triple fault: an exception while delivering a double fault");
        return true;
    }
    if (vm_exits(vm) >= vm->exits_end) {
        vm_end(vm, VM_END_EXPIRED, 0);
        return true;
    }
    vcpu_todo(v, TODO_COUNT);
    return false;
}

bool vcpu_prepare(struct vcpu *v, struct exit *x)
{
    u64 todo;

    do {
        while ((todo = atomic_xchg(&v->todo, 0)) != 0)
            if (!do_todo(v, x, todo))
                return false;
    } while (unlikely(v->watched) && watch(v));
    plan_events(v);
    return true;
}
