/* What an access to a device may have moved. */
#include "vmm/vcpu_irq.h"
#include "arch/x86_64/msr.h"
#include "lib/mem.h"
#include "vmm/console.h"
#include "vmm/dev/lapic_page.h"
#include "vmm/vm_memory.h"

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
    return vcpu_irq_pending(v) != v->irq_planned || v->lapic.deadline < v->deadline;
}

/* There is one processor: nobody waits for a STARTUP, and INIT does nothing (caveat). */
static void receive(struct vcpu *v, const struct apic_message *m)
{
    lapic_message(&v->lapic, m);
    v->lapic.init = v->lapic.sipi = false;
}

void vcpu_send_message(struct vm *vm, const struct vcpu *from, const struct apic_message *m)
{
    struct vcpu *v = &vm->vcpu; /* the lowest priority among those addressed is its own */

    if (lapic_is_destination(&v->lapic, m, from ? &from->lapic : NULL))
        receive(v, m);
}

void vcpu_take_messages(struct vcpu *v)
{
    struct apic_message m;

    while (board_take_message(&v->vm->board, &m))
        vcpu_send_message(v->vm, NULL, &m);
}

void vcpu_attend(struct vcpu *v)
{
    struct apic_message m;

    if (lapic_take_ipi(&v->lapic, &m))
        vcpu_send_message(v->vm, v, &m);
    if (v->lapic.nmi) {
        v->lapic.nmi = false;
        v->nmi_pending = true;
        v->todo |= TODO_BOARD;
    }
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
    if (!v->apic_page)
        return vcpu_irq_pending(v);
    vcpu_post_interrupts(v);
    return vcpu_extint_pending(v) || lapic_page_pending(v->apic_page);
}

u32 vcpu_lapic_read(struct vcpu *v, u32 offset, u64 now)
{
    return v->apic_page ? lapic_page_read(&v->lapic, v->apic_page, offset, now)
                        : lapic_read(&v->lapic, offset, now);
}

static void after_write(struct vcpu *v)
{
    if (unlikely(v->lapic.attention))
        vcpu_attend(v);
    if (unlikely(v->lapic.eoi != LAPIC_NO_VECTOR)) {
        board_eoi(&v->vm->board, (u8)v->lapic.eoi);
        v->lapic.eoi = LAPIC_NO_VECTOR;
        v->todo |= TODO_BOARD;
    }
    if (vcpu_lapic_moved(v))
        v->todo |= TODO_BOARD;
}

void vcpu_lapic_write(struct vcpu *v, u32 offset, u32 value, u64 now)
{
    if (v->apic_page) {
        lapic_page_write(&v->lapic, v->apic_page, offset, value, now);
        vmx_set_interrupt_status(&v->vmx, lapic_page_status(v->apic_page));
    } else {
        lapic_write(&v->lapic, offset, value, now);
    }
    after_write(v);
}

err_t vcpu_lapic_msr_read(struct vcpu *v, u32 msr, u64 *value, u64 now)
{
    TRY(v->apic_page ? lapic_page_msr_read(&v->lapic, v->apic_page, msr, value, now)
                     : lapic_msr_read(&v->lapic, msr, value, now));
    if (vcpu_lapic_moved(v)) /* a timer that was due, or that goes on */
        v->todo |= TODO_BOARD;
    return OK;
}

err_t vcpu_lapic_msr_write(struct vcpu *v, u32 msr, u64 value, u64 now)
{
    if (v->apic_page) {
        TRY(lapic_page_msr_write(&v->lapic, v->apic_page, msr, value, now));
        vmx_set_interrupt_status(&v->vmx, lapic_page_status(v->apic_page));
    } else {
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
    vm_memory_show_apic(v->vm, mode == LAPIC_XAPIC);
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
    v->todo |= TODO_BOARD;
    return OK;
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
