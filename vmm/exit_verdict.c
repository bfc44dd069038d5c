/* The verdicts of exit handlers that are neither "next instruction" nor "go on". */
#include "arch/x86_64/cr.h"
#include "vmm/policy/exit.h"
#include "vmm/vm_end.h"

void exit_refuse(struct vcpu *v, const struct exit *x)
{
    vm_stop(v, x, NO_ROW);
}

void exit_decide(struct vcpu *v, const struct exit *x, enum verdict verdict)
{
    switch (verdict) {
    case RESUME:
    case NEXT: break;
    case FAULT_UD: vcpu_raise(v, VEC_UD, NO_ERROR_CODE); break;
    case FAULT_GP: vcpu_raise(v, VEC_GP, 0); break;
    case KILL: vm_stop(v, x, exit_rows[x->reason].why); break;
    }
}
