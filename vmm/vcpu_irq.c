/* What an access to a device may have moved. */
#include "vmm/vcpu_irq.h"
#include "lib/mem.h"
#include "vmm/console.h"
#include "vmm/dev/lapic_page.h"
#include "vmm/pv.h"

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
    vcpu_post_interrupts(v);
    return vcpu_extint_pending(v) || lapic_page_pending(v->apic_page);
}

u32 vcpu_lapic_read(struct vcpu *v, u32 offset, u64 now)
{
    if (v->apic_page)
        return lapic_page_read(&v->lapic, v->apic_page, offset, now);
    if (v->pv.eoi_vector)
        pv_eoi_take(v);
    return lapic_read(&v->lapic, offset, now);
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
