/* The run loop: one vCPU on this CPU, until its guest ends.  What must happen before an
 * entry is one word (vcpu.todo); when it is 0, the way from exit to entry is exit_read(),
 * exit_handle() and vmx_run(). */
#include "vmm/run.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "vmm/measure.h"
#include "vmm/policy/exit.h"
#include "vmm/todo.h"
#include "vmm/vm.h"

/* No instruction of the guest ran: say which rule of the manual its state breaks. */
static NOINLINE void entry_failed(struct vcpu *v, enum vmx_result result, const struct exit *x)
{
    if (result == VMX_ENTRY_REFUSED)
        log_error("vm %u: VM entry refused: %s, qualification %llu", v->vm->id,
                  exit_reason_name(x->reason), (unsigned long long)x->qual);
    else
        log_error("vm %u: VM entry failed, VM-instruction error %u", v->vm->id,
                  result == VMX_FAIL_VALID ? vmx_instruction_error() : 0);
    if (vmx_check_entry() == 0)
        log_error("vm %u: the software checker finds no violated rule", v->vm->id);
    vm_stop(v->vm, x, "its state cannot be entered");
}

static void run(struct vm *vm)
{
    struct vcpu *v = &vm->vcpu;
    struct exit x = {0};

    while (v->todo)
        vcpu_do_todo(v, &x);
    for (;;) {
        const enum vmx_result result = vmx_run(&v->vmx, &x);

        if (unlikely(result != VMX_EXITED)) {
            entry_failed(v, result, &x);
            return;
        }
        const struct exit_row *row = exit_read(&x);
        struct trace_record *record = measure_exit(v, &x);

        exit_handle(v, row, &x);
        while (unlikely(v->todo) && vm->end == VM_RUNNING)
            vcpu_do_todo(v, &x);
        measure_entry(v, record, &x);
        if (unlikely(vm->end != VM_RUNNING))
            return;
    }
}

void vm_run(struct vm *vm)
{
    vm->stats.start = rdtsc();
    run(vm);
    vm->stats.end = rdtsc();
}
