/* The state of a vCPU that VMX leaves in the processor.  All of it is loaded each time, without
 * asking what a guest has used: a rule without exceptions cannot leak, and it is some hundred
 * instructions. */
#include "vmm/vcpu_switch.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "vmx/vmx.h"

void vcpu_switch_init(struct vcpu_switched *s, void *fpu)
{
    const u64 states = fpu_supported_xcr0();

    *s = (struct vcpu_switched){
        .dr6 = DR6_INIT,
        .fpu = fpu,
        .has_tsc_aux = vmx_has_control(WORD_CPU2, CPU2_RDTSCP),
        .has_xcr0 = states != 0,
    };
    fpu_area_init(fpu);
}

void vcpu_switch_out(struct vcpu_switched *s)
{
    s->star = rdmsr(MSR_STAR);
    s->lstar = rdmsr(MSR_LSTAR);
    s->cstar = rdmsr(MSR_CSTAR);
    s->fmask = rdmsr(MSR_FMASK);
    s->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
    if (s->has_tsc_aux)
        s->tsc_aux = rdmsr(MSR_TSC_AUX);
    s->cr2 = read_cr2();
    s->dr[0] = read_dr0();
    s->dr[1] = read_dr1();
    s->dr[2] = read_dr2();
    s->dr[3] = read_dr3();
    s->dr6 = read_dr6();
    fpu_save(s->fpu);
}

/* The same in all vCPUs of most guests: what the CPU has is compared, not what a guest has used. */
static void load_syscall(const struct vcpu_switched *s, const struct vcpu_switched *was)
{
    if (was && !((s->star ^ was->star) | (s->lstar ^ was->lstar) | (s->cstar ^ was->cstar) |
                 (s->fmask ^ was->fmask)))
        return;
    wrmsr(MSR_STAR, s->star);
    wrmsr(MSR_LSTAR, s->lstar);
    wrmsr(MSR_CSTAR, s->cstar);
    wrmsr(MSR_FMASK, s->fmask);
}

void vcpu_switch_in(const struct vcpu_switched *s, u64 xcr0, const struct vcpu_switched *was)
{
    load_syscall(s, was);
    wrmsr(MSR_KERNEL_GS_BASE, s->kernel_gs_base);
    if (s->has_tsc_aux)
        wrmsr(MSR_TSC_AUX, s->tsc_aux);
    write_cr2(s->cr2);
    write_dr0(s->dr[0]);
    write_dr1(s->dr[1]);
    write_dr2(s->dr[2]);
    write_dr3(s->dr[3]);
    write_dr6(s->dr6);
    fpu_restore(s->fpu);
    if (s->has_xcr0)
        xsetbv(0, xcr0);
}
