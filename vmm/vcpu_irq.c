/* What an access to a device may have moved. */
#include "vmm/vcpu_irq.h"
#include "arch/x86_64/msr.h"
#include "lib/mem.h"
#include "vmm/console.h"
#include "vmm/dev/lapic_page.h"
#include "vmm/pv.h"
#include "vmm/vm_memory.h"
#include "vmm/wake.h"

void board_share(struct vm *vm)
{
    spin_lock(&vm->lock);
}

/* The first vCPU runs the board in time, and has the 8259s' output: another one's access may have
 * moved either. */
void board_release(struct vcpu *v)
{
    const struct board *b = &v->vm->board;
    struct vcpu *first = v->vm->vcpu[0];
    const bool moved = b->deadline < READ_ONCE(first->deadline) ||
                       board_irq_pending(b) != READ_ONCE(first->extint_planned);

    spin_unlock(&v->vm->lock);
    if (moved && v != first)
        vcpu_ask(first, TODO_BOARD);
}

u8 vcpu_board_ack(struct vcpu *v)
{
    board_lock(v);
    const u8 vector = board_irq_ack(&v->vm->board);
    board_unlock(v);
    return vector;
}

static bool board_moved(const struct vcpu *v)
{
    const struct board *b = &v->vm->board;

    return b->deadline < v->deadline || b->wish != BOARD_NOTHING ||
           (v->cpu == 0 && console_deadline(v->pinned) < v->deadline);
}

bool vcpu_board_moved(const struct vcpu *v)
{
    return vcpu_extint_pending(v) != v->extint_planned || board_moved(v);
}

bool vcpu_lapic_moved(const struct vcpu *v)
{
    return vcpu_irq_pending(v) != v->irq_planned || v->lapic.deadline < v->deadline;
}

/* To one of the guest's local APICs.  That of `self` is at hand. */
static void deliver(struct vcpu *self, struct vcpu *to, const struct apic_message *m)
{
    if (to == self)
        lapic_message(&to->lapic, m);
    else if (mail_post(&to->mail, m))
        vcpu_ask(to, TODO_MAIL);
}

static u16 candidate(const struct vcpu *v)
{
    return v->apic_page ? lapic_page_candidate(&v->lapic, v->apic_page)
                        : lapic_candidate(&v->lapic);
}

/* To the one with the lowest priority of those that it is for. */
static void deliver_lowest(struct vm *vm, struct vcpu *self, const struct lapic *from,
                           const struct apic_message *m)
{
    u16 priority[VM_VCPUS_MAX];
    int winner;

    for (u32 i = 0; i < vm->vcpus; i++)
        priority[i] = lapic_is_destination(&vm->vcpu[i]->lapic, m, from) ? candidate(vm->vcpu[i])
                                                                         : LAPIC_NO_CANDIDATE;
    winner = lapic_arbitrate(priority, vm->vcpus, &vm->arbiter);
    if (winner >= 0)
        deliver(self, vm->vcpu[winner], m);
}

static inline void send(struct vm *vm, struct vcpu *self, const struct lapic *from,
                        const struct apic_message *m)
{
    if (m->mode == DELIVER_LOWEST) {
        deliver_lowest(vm, self, from, m);
        return;
    }
    for (u32 i = 0; i < vm->vcpus; i++)
        if (lapic_is_destination(&vm->vcpu[i]->lapic, m, from))
            deliver(self, vm->vcpu[i], m);
}

void vcpu_send_message(struct vcpu *self, const struct lapic *from, const struct apic_message *m)
{
    send(self->vm, self, from, m);
}

void vm_send_message(struct vm *vm, const struct apic_message *m)
{
    send(vm, NULL, NULL, m);
}

void vcpu_take_messages(struct vcpu *v)
{
    struct apic_message m;

    while (board_take_message(&v->vm->board, &m))
        vcpu_send_message(v, NULL, &m);
}

/* The EOI of a level-triggered interrupt has to exit; levels come and go seldom. */
static NOINLINE void move_eoi_exits(struct vcpu *v)
{
    memcpy(v->eoi_exits, v->lapic.tmr, sizeof(v->eoi_exits));
    vmx_set_eoi_exits(&v->vmx, v->eoi_exits);
}

void vcpu_post_interrupts(struct vcpu *v)
{
    u32 count;
    const u32 top = lapic_page_post(&v->lapic, v->apic_page, &count);
    const u64 *have = v->eoi_exits, *want = v->lapic.tmr;

    if (!top)
        return;
    v->stats->injected += count;
    vmx_request_interrupt(&v->vmx, (u8)top);
    if (unlikely((have[0] ^ want[0]) | (have[1] ^ want[1]) | (have[2] ^ want[2]) |
                 (have[3] ^ want[3])))
        move_eoi_exits(v);
}

bool vcpu_irq_wakes(struct vcpu *v)
{
    if (!v->apic_page) {
        if (v->pv.eoi_vector)
            pv_eoi_take(v);
        return vcpu_irq_pending(v);
    }
    if (lapic_has_requests(&v->lapic))
        vcpu_post_interrupts(v);
    return lapic_page_pending(v->apic_page, vmx_interrupt_status(&v->vmx)) ||
           vcpu_extint_pending(v);
}

u32 vcpu_lapic_read(struct vcpu *v, u32 offset, u64 now)
{
    if (unlikely(now >= v->lapic.deadline)) /* the look at the register makes it come */
        vcpu_todo(v, TODO_BOARD);
    if (v->apic_page)
        return lapic_page_read(&v->lapic, v->apic_page, offset, now);
    if (v->pv.eoi_vector)
        pv_eoi_take(v);
    return lapic_read(&v->lapic, offset, now);
}

void vcpu_send_ipi(struct vcpu *v)
{
    struct apic_message m;

    if (lapic_take_ipi(&v->lapic, &m))
        vcpu_send_message(v, &v->lapic, &m);
}

static void after_write(struct vcpu *v)
{
    if (unlikely(v->lapic.attention)) {
        vcpu_send_ipi(v); /* at once: then most need nothing more */
        if (v->lapic.attention)
            vcpu_todo(v, TODO_BOARD);
    }
    if (unlikely(v->lapic.eoi != LAPIC_NO_VECTOR)) {
        board_lock(v);
        board_eoi(&v->vm->board, (u8)v->lapic.eoi);
        board_unlock(v);
        v->lapic.eoi = LAPIC_NO_VECTOR;
        vcpu_todo(v, TODO_BOARD);
    }
    if (v->lapic.deadline < v->deadline)
        vcpu_todo(v, TODO_BOARD);
    else if (vcpu_irq_pending(v) != v->irq_planned)
        vcpu_todo(v, TODO_EVENT);
}

void vcpu_lapic_write(struct vcpu *v, u32 offset, u32 value, u64 now)
{
    if (v->apic_page) {
        lapic_page_write(&v->lapic, v->apic_page, offset, value, now);
        vmx_set_interrupt_status(&v->vmx, lapic_page_status(v->apic_page));
    } else {
        if (v->pv.eoi_vector)
            pv_eoi_take(v);
        lapic_write(&v->lapic, offset, value, now);
    }
    after_write(v);
}

err_t vcpu_lapic_msr_read(struct vcpu *v, u32 msr, u64 *value, u64 now)
{
    if (v->pv.eoi_vector)
        pv_eoi_take(v);
    TRY(v->apic_page ? lapic_page_msr_read(&v->lapic, v->apic_page, msr, value, now)
                     : lapic_msr_read(&v->lapic, msr, value, now));
    if (vcpu_lapic_moved(v)) /* a timer that was due, or that goes on */
        vcpu_todo(v, TODO_BOARD);
    return OK;
}

err_t vcpu_lapic_msr_write(struct vcpu *v, u32 msr, u64 value, u64 now)
{
    if (v->apic_page) {
        TRY(lapic_page_msr_write(&v->lapic, v->apic_page, msr, value, now));
        vmx_set_interrupt_status(&v->vmx, lapic_page_status(v->apic_page));
    } else {
        if (v->pv.eoi_vector)
            pv_eoi_take(v);
        TRY(lapic_msr_write(&v->lapic, msr, value, now));
    }
    after_write(v);
    return OK;
}

/* What the processor does for the APIC in its new mode. */
static void follow_mode(struct vcpu *v)
{
    static const enum vmx_apic_mode modes[] = {[LAPIC_OFF] = VMX_APIC_OFF,
                                               [LAPIC_XAPIC] = VMX_APIC_IN_MEMORY,
                                               [LAPIC_X2APIC] = VMX_APIC_IN_MSRS};
    const enum lapic_mode mode = lapic_mode(&v->lapic);

    vmx_set_apic_mode(&v->vmx, modes[mode]);
    board_lock(v);
    vm_memory_show_apic(v->vm, mode == LAPIC_XAPIC);
    board_unlock(v);
    vmx_set_interrupt_status(&v->vmx, lapic_page_status(v->apic_page));
    move_eoi_exits(v);
}

err_t vcpu_set_apic_base(struct vcpu *v, u64 value, u64 now)
{
    if (value == v->lapic.base)
        return OK;
    TRY(v->apic_page ? lapic_page_write_base(&v->lapic, v->apic_page, value, now)
                     : lapic_write_base(&v->lapic, value, now));
    msr_held_set(v->msr_held, MSR_APIC_BASE, value);
    if (v->apic_page)
        follow_mode(v);
    vcpu_todo(v, TODO_BOARD);
    return OK;
}

void vcpu_set_tsc_deadline(struct vcpu *v, u64 value, u64 now)
{
    lapic_set_tsc_deadline(&v->lapic, value, now + v->tsc_offset, now);
    const u64 deadline = v->lapic.deadline;

    if (deadline >= v->deadline) { /* the timer is set for something earlier, which may have come */
        if (unlikely(v->deadline <= now))
            vcpu_todo(v, TODO_BOARD);
        return;
    }
    if (unlikely(deadline <= now)) {
        vcpu_todo(v, TODO_BOARD);
        return;
    }
    vmx_set_timer(&v->vmx, deadline - now);
    v->deadline = deadline;
}
