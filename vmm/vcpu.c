/* What every handler needs of a vCPU: its mode, raising events, going on after an instruction. */
#include "vmm/vcpu.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "vmm/dev/lapic_page.h"
#include "vmm/irq.h"
#include "vmm/policy/cr.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

#define AR_L   BIT32(13)
#define AR_DB  BIT32(14)
#define SEG_FS 4u

/* What INIT and a reset have in common. */
static void reset_registers(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;

    vmx_guest_reset(g);
    gs_set(g, GS_CR0, CR0_ET | CR0_NE);
    gs_set(g, GS_CR0_SHADOW, CR0_ET);
    gs_set(g, GS_CR4, CR4_FORCED);
    gs_set(g, GS_CR4_SHADOW, 0);
    v->pending = (struct event){0};
    v->irq_planned = v->extint_planned = v->triple_fault = false;
    v->nmi_pending = v->nmi_in_service = false;
    if (v->apic_page)
        lapic_page_reset(v->apic_page);
}

/* What the processor keeps for the vCPU that it runs. */
static void init_live_registers(void)
{
    write_cr2(0);
    write_dr0(0);
    write_dr1(0);
    write_dr2(0);
    write_dr3(0);
    write_dr6(DR6_INIT);
}

void vcpu_init(struct vcpu *v)
{
    static const u8 stays[] = {GS_PAT, GS_SYSENTER_CS, GS_SYSENTER_ESP, GS_SYSENTER_EIP};
    struct guest_state *g = &v->vmx.guest;
    const u64 cache = gs_get(g, GS_CR0_SHADOW) & (CR0_CD | CR0_NW);
    u64 kept[ARRAY_LEN(stays)];

    for (u32 i = 0; i < ARRAY_LEN(stays); i++)
        kept[i] = gs_get(g, (enum guest_field)stays[i]);
    reset_registers(v);
    for (u32 i = 0; i < ARRAY_LEN(stays); i++)
        gs_set(g, (enum guest_field)stays[i], kept[i]);
    gs_set(g, GS_CR0_SHADOW, CR0_ET | cache);
    init_live_registers();
    lapic_init(&v->lapic);
    v->pv.eoi = v->pv.eoi_vector = 0;
    if (v->apic_page)
        vmx_set_interrupt_status(&v->vmx, 0);
}

void vcpu_reset(struct vcpu *v)
{
    reset_registers(v);
    v->todo = TODO_BOARD;
    v->xcr0 = XCR0_X87;
    v->tsc_adjust = 0;
    msr_held_reset(v->msr_held);
    v->pv = (struct pv_vcpu){0};
    lapic_reset(&v->lapic, v->id);
    msr_held_set(v->msr_held, MSR_APIC_BASE, v->lapic.base);
    v->asleep = v->waits_for_sipi = v->id != 0;
}

u8 vcpu_cpl(struct vcpu *v)
{
    return (u8)((gs_get(&v->vmx.guest, GS_SS_AR) & SEGMENT_DPL) >> 5);
}

u32 vcpu_code_bits(struct vcpu *v)
{
    const u64 ar = gs_get(&v->vmx.guest, GS_CS_AR);

    if ((gs_get(&v->vmx.guest, GS_EFER) & EFER_LMA) && (ar & AR_L))
        return 64;
    return ar & AR_DB ? 32 : 16;
}

/* 64-bit code ignores the bases of all but FS and GS; other code has 32-bit linear addresses. */
u64 vcpu_linear(struct vcpu *v, u32 segment, u64 offset)
{
    const bool code64 = vcpu_code_bits(v) == 64;

    if (code64 && segment < SEG_FS)
        return offset;
    offset += gs_get(&v->vmx.guest, (enum guest_field)(GS_ES_BASE + segment));
    return code64 ? offset : (u32)offset;
}

/* Real mode delivers no error codes, and VM entry refuses to. */
static bool protected_mode(struct vcpu *v)
{
    return gs_get(&v->vmx.guest, GS_CR0) & CR0_PE;
}

void vcpu_raise_event(struct vcpu *v, struct event e)
{
    if (v->pending.info) {
        const u32 merged = irq_merge(v->pending.info, e.info);

        if (merged == IRQ_TRIPLE_FAULT) {
            v->triple_fault = true;
            vcpu_todo(v, TODO_EVENT);
            return;
        }
        if (merged != e.info) /* #DF: error code 0, none in real mode */
            e = (struct event){.info = protected_mode(v) ? merged : merged & ~(u32)EVENT_HAS_ERROR};
    }
    v->pending = e;
    vcpu_todo(v, TODO_EVENT);
}

void vcpu_raise(struct vcpu *v, u8 vector, i64 error)
{
    struct guest_state *g = &v->vmx.guest;
    const bool has_error = error != NO_ERROR_CODE && protected_mode(v);

    /* As for each fault: or an instruction breakpoint would stop the instruction twice. */
    gs_set(g, GS_RFLAGS, gs_get(g, GS_RFLAGS) | RFLAGS_RF);
    vcpu_raise_event(v, (struct event){
                            .info = EVENT_VALID | EVENT_TYPE_HW_EXC << 8 | vector |
                                    (has_error ? (u32)EVENT_HAS_ERROR : 0u),
                            .error = has_error ? (u32)error : 0,
                        });
}

void vcpu_raise_page_fault(struct vcpu *v, u64 gva, u32 error)
{
    write_cr2(gva); /* the processor keeps the guest's: Lintel has no page faults */
    vcpu_raise(v, VEC_PF, error);
}

static NOINLINE void end_insn(struct vcpu *v, u64 len)
{
    struct guest_state *g = &v->vmx.guest;
    const u64 rip = gs_get(g, GS_RIP), old = rip - len;
    const u64 blocking = gs_get(g, GS_INTERRUPTIBILITY);

    /* Outside 64-bit code EIP wraps at 4 GiB. */
    if ((rip ^ old) >> 32 && vcpu_code_bits(v) != 64)
        gs_set(g, GS_RIP, (u32)rip);
    if (blocking & VCPU_BLOCKED_BY_INSN)
        gs_set(g, GS_INTERRUPTIBILITY, blocking & ~(u64)VCPU_BLOCKED_BY_INSN);
    if ((gs_get(g, GS_RFLAGS) & RFLAGS_TF) && !(gs_get(g, GS_DEBUGCTL) & DEBUGCTL_BTF))
        gs_set(g, GS_PENDING_DEBUG, gs_get(g, GS_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

void vcpu_advance_slow(struct vcpu *v, u64 len)
{
    if (vcpu_has_advanced(v, len)) /* a vCPU that only has something to do comes here, too */
        end_insn(v, len);
}
