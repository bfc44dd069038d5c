/* What a vCPU has to do before it can be entered: its devices, its consoles, its sleep in HLT, and
 * which event goes in. */
#include "vmm/todo.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cr.h"
#include "vmm/console.h"
#include "vmm/irq.h"
#include "vmm/live.h"
#include "vmm/pv.h"
#include "vmm/record.h"
#include "vmm/vcpu_irq.h"
#include "vmm/vm.h"

/* TSC ticks: a guest whose timers are due all the time still gets on. */
#define SLICE_FLOOR    64u

#define BLOCKED_STI    BIT(0)
#define BLOCKED_MOV_SS BIT(1)
#define BLOCKED_NMI    BIT(3)

/* The guest asked its board for something: end, as `vm->end` says. */
static void obey_wish(struct vm *vm)
{
    switch (vm->board.wish) {
    case BOARD_NOTHING: return;
    case BOARD_POWER_OFF: vm->end = VM_END_POWEROFF; break;
    case BOARD_RESET: vm->end = VM_END_REBOOT; break;
    case BOARD_DEBUG_EXIT:
        vm->end = VM_END_DEBUG_EXIT;
        vm->end_value = vm->board.wish_value;
        break;
    }
    vm->board.wish = BOARD_NOTHING;
}

static void run_console(struct vcpu *v, u64 now)
{
    struct board *b = &v->vm->board;
    u8 byte;

    console_poll(now);
    live_poll(v, now);
    record_poll(console_due(), console_deadline());
    board_console_drained(b, now);
    while (board_console_room(b) && live_get(&byte)) {
        record_typed(byte);
        board_console_input(b, byte);
    }
}

/* Devices and consoles up to now; returns when they want to be looked at again. */
static u64 run_devices(struct vcpu *v, u64 now)
{
    struct board *b = &v->vm->board;

    if (now >= console_due())
        run_console(v, now);
    if (now >= b->deadline) {
        board_tick(b, now);
        vcpu_take_messages(v);
    }
    if (now >= v->lapic.deadline)
        lapic_tick(&v->lapic, now);
    if (v->lapic.nmi) {
        v->lapic.nmi = false;
        v->nmi_pending = true;
    }
    return MIN(MIN(b->deadline, v->lapic.deadline), console_deadline());
}

static void inject(struct vcpu *v, struct event e)
{
    vmx_inject(&v->vmx, e.info, e.error, e.insn_len);
    trace(v->trace, TRACE_INJECT, v->trace_id, e.info, e.error, 0);
}

/* Decides what goes in with the next entry, and which windows to ask for. */
static void plan_events(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;
    const u64 blocking = gs_get(g, GS_INTERRUPTIBILITY);

    if (lapic_has_requests(&v->lapic)) {
        if (v->apic_page)
            vcpu_post_interrupts(v);
        else if (v->pv.eoi_vector)
            pv_eoi_take(v);
    }
    const struct irq_view view = {
        .exception = v->pending.info,
        .nmi = v->nmi_pending,
        .nmi_blocked = blocking & BLOCKED_NMI,
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
        inject(v, v->pending.info ? v->pending : (struct event){.info = plan.inject});
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

static bool can_wake(struct vcpu *v)
{
    return gs_get(&v->vmx.guest, GS_RFLAGS) & RFLAGS_IF;
}

/* HLT: this CPU sleeps until an interrupt is due for the guest. */
static void wait_for_event(struct vcpu *v, struct exit *x)
{
    struct vm *vm = v->vm;
    u64 slept = 0;

    if (!can_wake(v) && !v->nmi_pending) {
        vm->end = VM_END_HALTED;
        return;
    }
    for (;;) {
        const u64 now = record_now();
        const u64 deadline = run_devices(v, now);

        obey_wish(vm);
        if (vm->end != VM_RUNNING || v->pending.info || v->nmi_pending || vcpu_irq_wakes(v))
            break;
        record_sleep(MIN(deadline, console_due()));
        apic_wait_until(MIN(deadline, console_due())); /* to wake up costs no exit */
        slept += record_now() - now;
    }
    x->tsc += slept; /* not time spent in Lintel */
    v->stats->waiting += slept;
    trace(v->trace, TRACE_WAIT, v->trace_id, 0, slept, 0);
    v->todo &= ~(u32)TODO_HALT;
}

static void do_todo(struct vcpu *v, struct exit *x)
{
    struct vm *vm = v->vm;

    if (v->triple_fault) {
        vm_stop(vm, NULL, "triple fault: an exception while delivering a double fault");
        return;
    }
    if (v->todo & TODO_BOARD) {
        const u64 now = record_now();
        const u64 deadline = run_devices(v, now);

        obey_wish(vm);
        vmx_set_timer(&v->vmx, deadline > now + SLICE_FLOOR ? deadline - now : SLICE_FLOOR);
        v->deadline = deadline;
    }
    if (vm->end == VM_RUNNING && (v->todo & TODO_HALT)) {
        wait_for_event(v, x);
        return; /* once more: the timer was set before the sleep */
    }
    v->todo = 0;
    if (vm->end == VM_RUNNING)
        plan_events(v);
}

bool vcpu_prepare(struct vcpu *v, struct exit *x)
{
    while (v->todo && v->vm->end == VM_RUNNING)
        do_todo(v, x);
    return v->vm->end == VM_RUNNING;
}
