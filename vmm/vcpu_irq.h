/* The interrupts that a vCPU sees: from its local APIC, and from the 8259s through LINT0. */
#pragma once
#include "vmm/vm.h"

static inline bool vcpu_extint_pending(const struct vcpu *v)
{
    return board_irq_pending(&v->vm->board) && lapic_takes_extint(&v->lapic);
}

/* With a virtual-APIC page, the local APIC's part is only what vcpu_post_interrupts() has to do. */
static inline bool vcpu_irq_pending(const struct vcpu *v)
{
    return vcpu_extint_pending(v) ||
           (lapic_has_requests(&v->lapic) && lapic_pending(&v->lapic) != LAPIC_NO_VECTOR);
}

/* After an access that moved no deadline: whether the 8259s' request or the board's wish is
 * another. */
static inline bool vcpu_irq_moved(const struct vcpu *v)
{
    const struct board *b = &v->vm->board;

    if (likely(!((u32)board_irq_pending(b) | v->extint_planned | (u32)b->wish)))
        return false;
    return vcpu_extint_pending(v) != v->extint_planned || b->wish != BOARD_NOTHING;
}

/* Around each access to the board: its vCPUs share it.  NOINLINE: a guest with one vCPU does
 * nothing. */
NOINLINE void board_share(struct vm *vm);
NOINLINE void board_release(struct vcpu *v);

static inline void board_lock(struct vcpu *v)
{
    if (unlikely(v->shares_board))
        board_share(v->vm);
}

static inline void board_unlock(struct vcpu *v)
{
    if (unlikely(v->shares_board))
        board_release(v);
}

/* The INTA cycle; call only while vcpu_irq_pending(). */
u8 vcpu_board_ack(struct vcpu *v); /* the 8259s' part of it */
static inline u8 vcpu_irq_ack(struct vcpu *v)
{
    if (!vcpu_extint_pending(v))
        return lapic_ack(&v->lapic);
    v->lapic.extint = false;
    return vcpu_board_ack(v);
}

/* Whether devices have to be looked at before the next entry, after an access to the board or to
 * the local APIC: most accesses change nothing that the entry depends on. */
bool vcpu_board_moved(const struct vcpu *v);
bool vcpu_lapic_moved(const struct vcpu *v);

/* A message to those of its guest's local APICs that it is for, in the turn of `self`; `from` sent
 * it, NULL: the I/O APIC. */
void vcpu_send_message(struct vcpu *self, const struct lapic *from, const struct apic_message *m);
/* The same from outside: in no vCPU's turn. */
void vm_send_message(struct vm *vm, const struct apic_message *m);
/* The message that the local APIC has for others, if it has one. */
void vcpu_send_ipi(struct vcpu *v);
/* The I/O APIC's messages go to the local APICs that they are for. */
void vcpu_take_messages(struct vcpu *v);
/* A guest's write to a register of its local APIC, with all that follows from it. */
void vcpu_lapic_write(struct vcpu *v, u32 offset, u32 value, u64 now);
u32 vcpu_lapic_read(struct vcpu *v, u32 offset, u64 now);
/* A guest's access to an MSR of its local APIC in x2APIC mode, any other: OK, or E_INVAL (#GP). */
err_t vcpu_lapic_msr_read(struct vcpu *v, u32 msr, u64 *value, u64 now);
err_t vcpu_lapic_msr_write(struct vcpu *v, u32 msr, u64 value, u64 now);
/* A guest's write to IA32_APIC_BASE, with all that follows from another mode; E_INVAL: #GP. */
err_t vcpu_set_apic_base(struct vcpu *v, u64 value, u64 now);
/* With a virtual-APIC page: new requests go to the processor, which delivers them when the guest
 * can take them. */
void vcpu_post_interrupts(struct vcpu *v);
/* Whether an interrupt could be taken with RFLAGS.IF set: HLT ends. */
bool vcpu_irq_wakes(struct vcpu *v);
/* A guest's write to IA32_TSC_DEADLINE at `now`.  Most arm the timer, which is one VMWRITE. */
void vcpu_set_tsc_deadline(struct vcpu *v, u64 value, u64 now);
