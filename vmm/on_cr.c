/* MOV to and from control registers, CLTS, LMSW.  SDM Vol. 3C, "Exit Qualification for
 * Control-Register Accesses"; the rules themselves are in vmm/policy/cr.c. */
#include "arch/x86_64/cr.h"
#include "vmm/gmem.h"
#include "vmm/handlers.h"
#include "vmm/policy/cr.h"
#include "vmm/record.h"
#include "vmm/vcpu_irq.h"
#include "vmm/wake.h"
#include "vmx/qual.h"

#define ENTRY_IA32E_GUEST BIT(9)
#define LMSW_BITS         (CR0_PE | CR0_MP | CR0_EM | CR0_TS)
#define AR_L              BIT(13)
#define AR_TSS_32         BIT(3) /* of the type: not a 16-bit TSS */

static u64 seen_cr0(struct guest_state *g)
{
    return (gs_get(g, GS_CR0) & ~CR0_OWNED) | (gs_get(g, GS_CR0_SHADOW) & CR0_OWNED);
}

static u64 seen_cr4(struct guest_state *g, u64 allowed)
{
    const u64 owned = cr4_owned(allowed);

    return (gs_get(g, GS_CR4) & ~owned) | (gs_get(g, GS_CR4_SHADOW) & owned);
}

static struct cr_view view_of(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;
    const u64 allowed = v->vm->cpuid.cr4_mask;

    return (struct cr_view){
        .cr0 = seen_cr0(g),
        .cr3 = gs_get(g, GS_CR3),
        .cr4 = seen_cr4(g, allowed),
        .efer = gs_get(g, GS_EFER),
        .cs_l = gs_get(g, GS_CS_AR) & AR_L,
        .cr4_allowed = allowed,
    };
}

static void set_efer(struct guest_state *g, u64 efer)
{
    const u64 entry = gs_get(g, GS_ENTRY_CONTROLS);

    gs_set(g, GS_EFER, efer);
    gs_set(g, GS_ENTRY_CONTROLS,
           efer & EFER_LMA ? entry | ENTRY_IA32E_GUEST : entry & ~ENTRY_IA32E_GUEST);
}

static void flush(const struct vcpu *v)
{
    vmx_invvpid_single(v->vpid);
    record_flush(v->vpid);
}

static enum verdict mov_to_cr0(struct vcpu *v, u64 value)
{
    struct guest_state *g = &v->vmx.guest;
    const struct cr_view view = view_of(v);
    struct cr_effect e;

    if (cr0_write(&view, value, &e) != OK || (e.load_pdptes && gmem_load_pdptes(v) != OK))
        return FAULT_GP;
    if ((e.efer & ~view.efer & EFER_LMA) && !(gs_get(g, GS_TR_AR) & AR_TSS_32))
        return FAULT_GP; /* IA-32e mode has no 16-bit TSS, and VM entry refuses one */
    gs_set(g, GS_CR0, e.real);
    gs_set(g, GS_CR0_SHADOW, e.shadow);
    if (e.efer != view.efer)
        set_efer(g, e.efer);
    if ((value ^ view.cr0) & (CR0_PG | CR0_WP))
        flush(v);
    return NEXT;
}

static enum verdict mov_to_cr4(struct vcpu *v, u64 value)
{
    struct guest_state *g = &v->vmx.guest;
    const struct cr_view view = view_of(v);
    struct cr_effect e;

    if (cr4_write(&view, value, &e) != OK || (e.load_pdptes && gmem_load_pdptes(v) != OK))
        return FAULT_GP;
    gs_set(g, GS_CR4, e.real);
    gs_set(g, GS_CR4_SHADOW, e.shadow);
    flush(v);
    return NEXT;
}

static u64 read_greg(struct vcpu *v, u32 reg)
{
    return reg == RSP ? gs_get(&v->vmx.guest, GS_RSP) : v->vmx.guest.regs.r[reg];
}

/* CR8 is the task-priority class of the local APIC (SDM Vol. 3A, "Interaction of Task Priorities
 * between CR8 and APIC"). */
static enum verdict mov_to_cr8(struct vcpu *v, u64 value)
{
    if (value & ~0xfull)
        return FAULT_GP;
    v->lapic.tpr = (u32)value << 4;
    if (vcpu_lapic_moved(v))
        vcpu_todo(v, TODO_BOARD);
    return NEXT;
}

static enum verdict mov_to_cr(struct vcpu *v, u32 cr, u64 value)
{
    if (vcpu_code_bits(v) != 64)
        value = (u32)value;
    switch (cr) {
    case 0: return mov_to_cr0(v, value);
    case 4: return mov_to_cr4(v, value);
    case 8: return mov_to_cr8(v, value);
    default: return KILL;
    }
}

static enum verdict mov_from_cr8(struct vcpu *v, u32 reg)
{
    const u64 cr8 = v->lapic.tpr >> 4;

    if (reg == RSP)
        gs_set(&v->vmx.guest, GS_RSP, cr8);
    else
        v->vmx.guest.regs.r[reg] = cr8;
    return NEXT;
}

enum verdict on_cr_access(struct vcpu *v, const struct exit *x)
{
    const struct qual_cr q = qual_cr(x->qual);

    if (v->vm->id == VM_CONTROL) /* its CR0.TS and CR4 stay (vmm/vcpu_load.h, vcpu_lend()) */
        return KILL;

    const u64 cr0 = seen_cr0(&v->vmx.guest);

    switch (q.access) {
    case QUAL_MOV_TO_CR: return mov_to_cr(v, q.cr, read_greg(v, q.greg));
    case QUAL_MOV_FROM_CR: return q.cr == 8 ? mov_from_cr8(v, q.greg) : KILL;
    case QUAL_CLTS: return mov_to_cr0(v, cr0 & ~CR0_TS);
    case QUAL_LMSW: /* can set PE, cannot clear it */
        return mov_to_cr0(v, (cr0 & ~(LMSW_BITS & ~CR0_PE)) | (q.lmsw_source & LMSW_BITS));
    }
    return KILL;
}
