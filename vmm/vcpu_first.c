/* See vcpu_first.h. */
#include "vmm/vcpu_first.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "vmm/boundary.h"
#include "vmm/policy/cr.h"
#include "vmm/wake.h"

#define SEL_GUEST_CODE    0x10u
#define SEL_GUEST_DATA    0x18u
#define AR_CODE_64        0xa09bu
#define AR_CODE_32        0xc09bu
#define AR_DATA           0xc093u
#define AR_TSS_BUSY       0x8bu
#define TSS_LIMIT         0x67u /* the least there can be; PVH wants it so */
#define ENTRY_IA32E_GUEST BIT(9)

static void set_segment(struct guest_state *g, enum guest_field es_relative, u64 selector, u64 ar)
{
    const u32 n = es_relative - GS_ES_SEL;

    gs_set(g, es_relative, selector);
    gs_set(g, (enum guest_field)(GS_ES_BASE + n), 0);
    gs_set(g, (enum guest_field)(GS_ES_LIMIT + n), 0xffffffff);
    gs_set(g, (enum guest_field)(GS_ES_AR + n), ar);
}

static void set_segments(struct guest_state *g, const struct abi_registers *first)
{
    static const enum guest_field data[] = {GS_ES_SEL, GS_SS_SEL, GS_DS_SEL, GS_FS_SEL, GS_GS_SEL};

    for (size_t i = 0; i < ARRAY_LEN(data); i++)
        set_segment(g, data[i], SEL_GUEST_DATA, AR_DATA);
    set_segment(g, GS_CS_SEL, SEL_GUEST_CODE, first->mode == ABI_LONG_64 ? AR_CODE_64 : AR_CODE_32);
    gs_set(g, GS_TR_AR, AR_TSS_BUSY);
    gs_set(g, GS_TR_LIMIT, TSS_LIMIT);
    gs_set(g, GS_GDTR_BASE, first->gdt);
    gs_set(g, GS_GDTR_LIMIT, first->gdt_limit);
    gs_set(g, GS_IDTR_LIMIT, 0);
}

void vcpu_set_first(struct vcpu *v, const struct abi_registers *first)
{
    struct guest_state *g = &v->vmx.guest;
    u64 *r = g->regs.r;
    const bool long_mode = first->mode == ABI_LONG_64;
    const u64 cr0 = CR0_PE | CR0_ET | (long_mode ? CR0_PG : 0) |
                    (v->vm->id == VM_CONTROL ? CR0_TS : 0); /* it has no FPU */
    const u64 cr4 = long_mode ? CR4_PAE : 0;

    gs_set(g, GS_CR0, cr0 | CR0_NE);
    gs_set(g, GS_CR0_SHADOW, cr0);
    gs_set(g, GS_CR4, cr4 | CR4_FORCED);
    gs_set(g, GS_CR4_SHADOW, cr4);
    gs_set(g, GS_CR3, first->cr3);
    if (long_mode) {
        gs_set(g, GS_EFER, EFER_LME | EFER_LMA);
        gs_set(g, GS_ENTRY_CONTROLS, gs_get(g, GS_ENTRY_CONTROLS) | ENTRY_IA32E_GUEST);
    }
    set_segments(g, first);
    gs_set(g, GS_RIP, first->rip);
    gs_set(g, GS_RSP, first->rsp);
    r[RAX] = first->rax;
    r[RBX] = first->rbx;
    r[RSI] = first->rsi;
    r[RDI] = first->rdi;
    r[RDX] = 0;
}

/* ------------------------------------------------------------ guests that were made */

void vcpu_wait_for_first(struct vcpu *v)
{
    v->away.waits = WAIT_FIRST;
}

/* What the processor would not enter is not tried.  SDM Vol. 3C, "Checks on Guest Control
 * Registers, Debug Registers, and MSRs", "Checks on Guest RIP, RFLAGS, and SSP": all of these are
 * good below 4 GiB. */
static bool can_begin(const struct abi_registers *r)
{
    return r->mode <= ABI_PROTECTED_32 && r->gdt_limit <= 0xffff &&
           (r->gdt | r->rip | r->cr3) < 4 * GiB;
}

err_t vm_give_first(struct vm *vm, const struct abi_registers *r)
{
    struct vcpu *v = vm->vcpu[0];

    if (READ_ONCE(v->away.waits) != WAIT_FIRST || READ_ONCE(vm->first.given))
        return E_PERM;
    if (!can_begin(r))
        return E_INVAL;
    vm->first.registers = *r;
    store_release(&vm->first.given, 1);
    vcpu_ask(v, TODO_WAKE);
    return OK;
}

bool vcpu_takes_first(struct vcpu *v)
{
    if (!load_acquire(&v->vm->first.given))
        return false;
    vcpu_set_first(v, &v->vm->first.registers);
    v->away.waits = WAIT_NOTHING;
    return true;
}
