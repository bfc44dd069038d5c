/* What we do about each VM exit: the policy of the hypervisor on one screen.
 * SDM Vol. 3D, Appendix "VMX Basic Exit Reasons".  Names and numbers: vmx/exit_reasons.def. */
#include "vmm/policy/exit.h"
#include "arch/x86_64/cr.h"
#include "vmm/handlers.h"
#include "vmm/vm.h"
#include "vmx/exit_read.h"

#define ROW(reason, handler, needs, why) [EXIT_##reason] = {handler, needs, why}

// clang-format off
static const struct exit_row exits[EXIT_REASONS] = {
/*   reason                    handler            needs                                          why (if the guest is stopped over it) */
ROW( EXCEPTION_OR_NMI,         on_exception,      NEED_INTR | NEED_IDTV | NEED_QUAL,             "an exception could not be delivered" ),
ROW( EXTERNAL_INTERRUPT,       on_host_irq,       NEED_INTR,                                     "" ),
ROW( TRIPLE_FAULT,             stop_guest,        0,                                             "triple fault" ),
ROW( INIT,                     on_host_init,      0,                                             "" ),
ROW( INTERRUPT_WINDOW,         on_window,         0,                                             "" ),
ROW( NMI_WINDOW,               on_window,         0,                                             "" ),
ROW( TASK_SWITCH,              stop_guest,        NEED_QUAL | NEED_IDTV,                         "a hardware task switch, which Lintel does not emulate" ),
ROW( CPUID,                    on_cpuid,          NEED_LEN,                                      "" ),
ROW( HLT,                      on_hlt,            NEED_LEN,                                      "" ),
ROW( INVD,                     skip_insn,         NEED_LEN,                                      "" ), /* no device but ours sees guest memory: */
ROW( WBINVD,                   skip_insn,         NEED_LEN,                                      "" ), /* caches stay coherent without these    */
ROW( RDPMC,                    refuse_gp,         0,                                             "" ), /* no performance counters are offered   */
ROW( VMCALL,                   on_vmcall,         NEED_LEN,                                      "" ),
ROW( CR_ACCESS,                on_cr_access,      NEED_LEN | NEED_QUAL,                          "" ),
ROW( IO,                       on_io,             NEED_LEN | NEED_QUAL | NEED_INSN,              "a string I/O instruction that cannot be emulated" ),
ROW( RDMSR,                    on_rdmsr,          NEED_LEN,                                      "" ),
ROW( WRMSR,                    on_wrmsr,          NEED_LEN,                                      "" ),
ROW( EPT_VIOLATION,            on_ept_violation,  NEED_QUAL | NEED_GPA | NEED_IDTV,              "an access to memory that it does not have" ),
ROW( EPT_MISCONFIG,            on_ept_misconfig,  NEED_GPA,                                      "" ),
ROW( PREEMPTION_TIMER,         on_timer,          0,                                             "" ),
ROW( XSETBV,                   on_xsetbv,         NEED_LEN,                                      "" ),
/* Instructions that a guest's processor does not have: the answer of a CPU without them. */
ROW( GETSEC,                   refuse_ud,         0,                                             "" ),
ROW( VMCLEAR,                  refuse_ud,         0,                                             "" ),
ROW( VMLAUNCH,                 refuse_ud,         0,                                             "" ),
ROW( VMPTRLD,                  refuse_ud,         0,                                             "" ),
ROW( VMPTRST,                  refuse_ud,         0,                                             "" ),
ROW( VMREAD,                   refuse_ud,         0,                                             "" ),
ROW( VMRESUME,                 refuse_ud,         0,                                             "" ),
ROW( VMWRITE,                  refuse_ud,         0,                                             "" ),
ROW( VMXOFF,                   refuse_ud,         0,                                             "" ),
ROW( VMXON,                    refuse_ud,         0,                                             "" ),
ROW( INVEPT,                   refuse_ud,         0,                                             "" ),
ROW( INVVPID,                  refuse_ud,         0,                                             "" ),
ROW( VMFUNC,                   refuse_ud,         0,                                             "" ),
ROW( MONITOR,                  refuse_ud,         0,                                             "" ),
ROW( MWAIT,                    refuse_ud,         0,                                             "" ),
ROW( RDTSCP,                   refuse_ud,         0,                                             "" ),
ROW( INVPCID,                  refuse_ud,         0,                                             "" ),
ROW( ENCLS,                    refuse_ud,         0,                                             "" ),
ROW( ENCLV,                    refuse_ud,         0,                                             "" ),
ROW( PCONFIG,                  refuse_ud,         0,                                             "" ),
ROW( UMWAIT,                   refuse_ud,         0,                                             "" ),
ROW( TPAUSE,                   refuse_ud,         0,                                             "" ),
ROW( LOADIWKEY,                refuse_ud,         0,                                             "" ),
ROW( SEAMCALL,                 refuse_ud,         0,                                             "" ),
ROW( TDCALL,                   refuse_ud,         0,                                             "" ),
ROW( RSM,                      refuse_ud,         0,                                             "" ),
ROW( MACHINE_CHECK_AT_ENTRY,   on_machine_check,  0,                                             "" ),
};
// clang-format on
/* A reason without a row means that our controls and this table disagree: the guest is
 * stopped with a full dump.  It is never skipped, and never ignored. */

const struct exit_row *exit_row(u32 reason)
{
    return reason < EXIT_REASONS && exits[reason].handler ? &exits[reason] : NULL;
}

const struct exit_row *exit_read(struct exit *x)
{
    const struct exit_row *row = exit_row(x->reason);

    if (likely(row))
        vmx_read_exit(x, row->needs);
    return row;
}

void exit_handle(struct vcpu *v, const struct exit_row *row, const struct exit *x)
{
    if (unlikely(!row)) {
        vm_stop(v->vm, x, "a VM exit for which there is no row in the exit table");
        return;
    }
    const enum verdict verdict = row->handler(v, x);

    if (likely(verdict == NEXT)) {
        vcpu_skip_insn(v, x->insn_len);
        return;
    }
    switch (verdict) {
    case RESUME:
    case NEXT: break;
    case FAULT_UD: vcpu_raise(v, VEC_UD, NO_ERROR_CODE); break;
    case FAULT_GP: vcpu_raise(v, VEC_GP, 0); break;
    case KILL: vm_stop(v->vm, x, row->why); break;
    }
}
