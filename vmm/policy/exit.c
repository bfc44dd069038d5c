/* What we do about each VM exit: the policy of the hypervisor on one screen.
 * SDM Vol. 3D, Appendix "VMX Basic Exit Reasons".  Names and numbers: vmx/exit_reasons.def. */
#include "vmm/policy/exit.h"
#include "arch/x86_64/cr.h"
#include "vmm/handlers.h"
#include "vmm/vm.h"

#define ROW(reason, handler, needs, why) [EXIT_##reason] = {handler, needs, why, 0}
#define NO_ROW                           "a VM exit that Lintel never asks for"
#define NEVER(reason)                    ROW(reason, stop_guest, 0, NO_ROW)
#define UNNAMED(number)                  [number] = {stop_guest, 0, NO_ROW, 0} /* not in the manual */

// clang-format off
const struct exit_row exit_rows[EXIT_REASONS] = {
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
ROW( IO,                       on_io,             NEED_IO,                                       "a string I/O instruction that cannot be emulated" ),
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
/* What no control of Lintel asks for, or a guest cannot cause: our controls and this table would disagree. */
NEVER( SIPI ), NEVER( IO_SMI ), NEVER( OTHER_SMI ), NEVER( INVLPG ), NEVER( RDTSC ), NEVER( DR_ACCESS ),
NEVER( BAD_GUEST_STATE ), NEVER( BAD_MSR_LOAD ), NEVER( MONITOR_TRAP ), NEVER( PAUSE ),
NEVER( TPR_BELOW_THRESHOLD ), NEVER( APIC_ACCESS ), NEVER( VIRTUALIZED_EOI ), NEVER( GDTR_IDTR ),
NEVER( LDTR_TR ), NEVER( APIC_WRITE ), NEVER( RDRAND ), NEVER( RDSEED ), NEVER( PML_FULL ), NEVER( XSAVES ),
NEVER( XRSTORS ), NEVER( SPP ), NEVER( ENQCMD_PASID ), NEVER( ENQCMDS_PASID ), NEVER( BUS_LOCK ),
NEVER( INSTRUCTION_TIMEOUT ), NEVER( RDMSRLIST ), NEVER( WRMSRLIST ),
UNNAMED( 35 ), UNNAMED( 38 ), UNNAMED( 42 ), UNNAMED( 71 ),
};
// clang-format on
/* Each number up to EXIT_REASONS has its row (test_exit.c); a number beyond stops the guest with a
 * full dump, like the last rows above.  No exit is ever skipped or ignored. */

const struct exit_row *exit_row(u32 reason)
{
    return reason < EXIT_REASONS ? &exit_rows[reason] : NULL;
}

void exit_refuse(struct vcpu *v, const struct exit *x)
{
    vm_stop(v->vm, x, NO_ROW);
}

void exit_decide(struct vcpu *v, const struct exit_row *row, const struct exit *x,
                 enum verdict verdict)
{
    switch (verdict) {
    case RESUME:
    case NEXT: break;
    case FAULT_UD: vcpu_raise(v, VEC_UD, NO_ERROR_CODE); break;
    case FAULT_GP: vcpu_raise(v, VEC_GP, 0); break;
    case KILL: vm_stop(v->vm, x, row->why); break;
    }
}
