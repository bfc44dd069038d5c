/* Hardware task switches, which no processor does in a guest: up to the point where the new task
 * begins, anything that is wrong is a fault of the old one, and nothing has changed.
 * SDM Vol. 3A, "Task Switching"; Vol. 3C, "Treatment of Task Switches", "Exit Qualification for
 * Task Switches". */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "ept/gva_walk.h"
#include "vmm/event.h"
#include "vmm/handlers.h"
#include "vmm/task.h"
#include "vmx/qual.h"

#define RIGHTS_OF_BYTE 5u /* of a descriptor */

/* For whom does a fault's error code say EXT: not for an instruction's. */
static bool is_external(const struct exit *x)
{
    const u32 type = EVENT_TYPE(x->idt_info);

    return (x->idt_info & EVENT_VALID) && type != EVENT_TYPE_SW_INT && type != EVENT_TYPE_SW_EXC;
}

static err_t selector_fault(const struct task_switch *t, u8 vector)
{
    return task_fault(t, vector, (t->selector & SELECTOR_ERROR) | t->ext);
}

static bool leaves_old_busy(const struct task_switch *t)
{
    return t->source == QUAL_TASK_CALL || t->source == QUAL_TASK_GATE;
}

/* Another vCPU may have changed the descriptor since the processor has read it. */
static err_t check_new(struct task_switch *t)
{
    struct guest_state *g = &t->v->vmx.guest;
    const bool back = t->source == QUAL_TASK_IRET;
    const u8 invalid = back ? VEC_TS : VEC_GP;
    const u32 base = (u32)gs_get(g, GS_GDTR_BASE) + (t->selector & SELECTOR_INDEX);
    struct task_span span;
    u64 descriptor = 0;
    u32 type;

    if (!(t->selector & SELECTOR_INDEX) || (t->selector & SELECTOR_TI) ||
        (t->selector | 7u) > gs_get(g, GS_GDTR_LIMIT))
        return selector_fault(t, invalid);
    TRY(task_find(t, base, sizeof(descriptor), 0, &span));
    TRY(task_read(t, &span, &descriptor, sizeof(descriptor)));
    t->tss = segment_decode(descriptor);
    type = t->tss.rights & SEGMENT_TYPE;
    t->to = t->tss.rights & SEGMENT_S ? NULL : tss_layout(type);
    if (!t->to || back != !!(type & TSS_TYPE_BUSY))
        return selector_fault(t, invalid);
    if (!(t->tss.rights & SEGMENT_P))
        return selector_fault(t, VEC_NP);
    if (t->tss.limit < t->to->bytes - 1u)
        return selector_fault(t, VEC_TS);
    return back ? OK : task_find(t, base + RIGHTS_OF_BYTE, 1, GVA_WRITE, &t->new_busy);
}

static err_t check_old(struct task_switch *t)
{
    struct guest_state *g = &t->v->vmx.guest;
    const u16 selector = (u16)gs_get(g, GS_TR_SEL);

    t->from = tss_layout(gs_get(g, GS_TR_AR) & SEGMENT_TYPE);
    if (!t->from || gs_get(g, GS_TR_LIMIT) < t->from->saved - 1u)
        return task_fault(t, VEC_TS, (selector & SELECTOR_ERROR) | t->ext);
    if (leaves_old_busy(t))
        return OK;
    return task_find(t, (u32)gs_get(g, GS_GDTR_BASE) + (selector & SELECTOR_INDEX) + RIGHTS_OF_BYTE,
                     1, GVA_WRITE, &t->old_busy);
}

/* Both TSSs are there, and may be written where they will be. */
static err_t find_states(struct task_switch *t)
{
    const u32 old = (u32)gs_get(&t->v->vmx.guest, GS_TR_BASE);

    TRY(task_find(t, t->tss.base, t->to->bytes, leaves_old_busy(t) ? GVA_WRITE : 0, &t->new_state));
    return task_find(t, old, t->from->saved, GVA_WRITE, &t->old_state);
}

static err_t set_busy(const struct task_switch *t, const struct task_span *span, bool busy)
{
    u8 rights = 0;

    TRY(task_read(t, span, &rights, sizeof(rights)));
    rights = busy ? rights | TSS_TYPE_BUSY : rights & (u8)~TSS_TYPE_BUSY;
    return task_write(t, span, &rights, sizeof(rights));
}

/* Where the old task will go on: behind an instruction that switches, at whatever an event
 * interrupts. */
static u32 return_address(const struct task_switch *t)
{
    const u64 rip = gs_get(&t->v->vmx.guest, GS_RIP);
    const u32 type = EVENT_TYPE(t->x->idt_info);
    const bool event = t->source == QUAL_TASK_GATE && (t->x->idt_info & EVENT_VALID);
    const bool instruction =
        type == EVENT_TYPE_SW_INT || type == EVENT_TYPE_SW_EXC || type == EVENT_TYPE_PRIV_SW_EXC;

    return (u32)(event && !instruction ? rip : rip + t->x->insn_len);
}

static err_t save_old(const struct task_switch *t)
{
    struct guest_state *g = &t->v->vmx.guest;
    const u64 flags = gs_get(g, GS_RFLAGS);
    struct tss_state state = {
        .eip = return_address(t),
        .eflags = (u32)(t->source == QUAL_TASK_IRET ? flags & ~RFLAGS_NT : flags),
    };
    u8 image[TSS_BYTES_MAX] = {0};

    for (u32 i = 0; i < ARRAY_LEN(state.gpr); i++)
        state.gpr[i] = (u32)(i == RSP ? gs_get(g, GS_RSP) : g->regs.r[i]);
    for (u32 i = 0; i < ARRAY_LEN(state.segment); i++)
        state.segment[i] = (u16)gs_get(g, (enum guest_field)(GS_ES_SEL + i));
    TRY(task_read(t, &t->old_state, image, t->from->saved));
    tss_pack(t->from, &state, image);
    return task_write(t, &t->old_state, image, t->from->saved);
}

static void load_tr(const struct task_switch *t)
{
    struct guest_state *g = &t->v->vmx.guest;

    gs_set(g, GS_TR_SEL, t->selector);
    gs_set(g, GS_TR_BASE, t->tss.base);
    gs_set(g, GS_TR_LIMIT, t->tss.limit);
    gs_set(g, GS_TR_AR, t->tss.rights | TSS_TYPE_BUSY);
}

/* IRET ends blocking by NMI, delivery of an NMI begins it, and no instruction's shadow is left. */
static void set_blocking(const struct task_switch *t)
{
    struct guest_state *g = &t->v->vmx.guest;
    u64 blocking = gs_get(g, GS_INTERRUPTIBILITY) & ~(u64)VCPU_BLOCKED_BY_INSN;

    if (t->source == QUAL_TASK_IRET)
        blocking &= ~(u64)VCPU_BLOCKED_BY_NMI;
    if ((t->x->idt_info & EVENT_VALID) && EVENT_TYPE(t->x->idt_info) == EVENT_TYPE_NMI)
        blocking |= VCPU_BLOCKED_BY_NMI;
    gs_set(g, GS_INTERRUPTIBILITY, blocking);
}

static err_t commit(const struct task_switch *t)
{
    const u16 link = (u16)gs_get(&t->v->vmx.guest, GS_TR_SEL);
    struct tss_state state;
    u8 image[TSS_BYTES_MAX] = {0};

    TRY(save_old(t));
    if (leaves_old_busy(t))
        TRY(task_write(t, &t->new_state, &link, sizeof(link)));
    else
        TRY(set_busy(t, &t->old_busy, false));
    if (t->source != QUAL_TASK_IRET)
        TRY(set_busy(t, &t->new_busy, true));
    TRY(task_read(t, &t->new_state, image, t->to->bytes));
    tss_unpack(t->to, image, &state);
    load_tr(t);
    set_blocking(t);
    return task_load(t, &state);
}

static err_t switch_tasks(struct task_switch *t)
{
    TRY(check_new(t));
    TRY(check_old(t));
    TRY(find_states(t));
    return commit(t);
}

enum verdict on_task_switch(struct vcpu *v, const struct exit *x)
{
    const struct qual_task q = qual_task(x->qual);
    struct task_switch t = {
        .v = v, .x = x, .source = q.source, .selector = q.selector, .ext = is_external(x)};

    if (gs_get(&v->vmx.guest, GS_EFER) & EFER_LMA) /* #GP, and no exit */
        return KILL;
    event_look_at_the_clock(v, x);
    const err_t err = switch_tasks(&t);

    return err == OK || err == E_PERM ? RESUME : KILL;
}
