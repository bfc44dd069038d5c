/* See vm_end.h. */
#include "vmm/vm_end.h"
#include "vmm/wake.h"

void vm_end(struct vm *vm, enum vm_end how, u32 value)
{
    u32 running = VM_RUNNING;

    if (!__atomic_compare_exchange_n(&vm->end, &running, how, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        return;
    vm->end_value = value;
    for (u32 i = 0; i < vm->vcpus; i++)
        vcpu_ask(vm->vcpu[i], TODO_END);
}

/* A message on its way is in the other's todo until it has said that it is alive. */
static bool all_dead(const struct vm *vm)
{
    for (u32 i = 0; i < vm->vcpus; i++)
        if (READ_ONCE(vm->vcpu[i]->todo))
            return false;
    return true;
}

void vm_vcpu_dead(struct vcpu *v)
{
    struct vm *vm = v->vm;
    const u32 all = BIT32(vm->vcpus) - 1;

    if ((atomic_or(&vm->dead, BIT32(v->id)) | BIT32(v->id)) == all && all_dead(vm))
        vm_end(vm, VM_END_HALTED, 0);
}

void vm_vcpu_alive(struct vcpu *v)
{
    if (READ_ONCE(v->vm->dead) & BIT32(v->id))
        (void)atomic_and(&v->vm->dead, ~BIT32(v->id));
}
