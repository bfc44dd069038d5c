/* What an access to a device may have moved. */
#include "vmm/vcpu_irq.h"
#include "vmm/console.h"

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
