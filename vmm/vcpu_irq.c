/* What an access to a device may have moved. */
#include "vmm/vcpu_irq.h"
#include "vmm/console.h"
#include "vmm/record.h"

static bool board_moved(const struct vcpu *v)
{
    const struct board *b = &v->vm->board;

    return b->deadline < v->deadline || console_deadline() < v->deadline ||
           b->wish != BOARD_NOTHING;
}

bool vcpu_board_moved(const struct vcpu *v)
{
    return vcpu_extint_pending(v) != v->extint_planned || board_moved(v);
}

bool vcpu_lapic_moved(const struct vcpu *v)
{
    return vcpu_irq_pending(v) != v->irq_planned || v->lapic.deadline < v->deadline || v->lapic.nmi;
}

/* One processor is all there is: the lowest priority among those addressed is its own. */
static void deliver(struct vcpu *v, const struct apic_message *m)
{
    if (lapic_is_destination(&v->lapic, m->destination, m->logical))
        lapic_message(&v->lapic, m);
}

void vcpu_take_messages(struct vcpu *v)
{
    struct apic_message m;

    while (board_take_message(&v->vm->board, &m))
        deliver(v, &m);
}

void vcpu_lapic_write(struct vcpu *v, u32 offset, u32 value)
{
    lapic_write(&v->lapic, offset, value, record_now());
    if (unlikely(v->lapic.eoi != LAPIC_NO_VECTOR)) {
        board_eoi(&v->vm->board, (u8)v->lapic.eoi);
        v->lapic.eoi = LAPIC_NO_VECTOR;
        v->todo |= TODO_BOARD;
    }
    if (vcpu_lapic_moved(v))
        v->todo |= TODO_BOARD;
}

void vcpu_set_tsc_deadline(struct vcpu *v, u64 value, u64 now)
{
    lapic_set_tsc_deadline(&v->lapic, value, now + v->tsc_offset, now);
    const u64 deadline = v->lapic.deadline;

    if (deadline >= v->deadline) /* the timer is set for something earlier */
        return;
    if (unlikely(deadline <= now)) {
        v->todo |= TODO_BOARD;
        return;
    }
    vmx_set_timer(&v->vmx, deadline - now);
    v->deadline = deadline;
}
