/* The hypercall gate.  Who may call what is data (include/abi/hypercalls.def); the check
 * happens here, once, before any handler runs. */
#include "vmm/hypercall.h"
#include "abi/control.h"
#include "vmm/vcpu_irq.h"

enum { ANYONE, MARKER, SERVED, CONTROL };

static const struct {
    i64 (*call)(struct vcpu *v, const struct hc_args *args);
    u32 who;
} gate[] = {
#define HYPERCALL(number, name, who, argc, args, result, text) [number] = {hc_##name, who},
#include "abi/hypercalls.def"
};

i64 hc_abi_version(struct vcpu *v, const struct hc_args *args)
{
    (void)v, (void)args;
    return ABI_VERSION << 16 | ABI_REVISION;
}

/* The ledger is the guest's, as the board. */
i64 hc_ledger_begin(struct vcpu *v, const struct hc_args *args)
{
    struct vm *vm = v->vm;
    u64 counts[EXIT_REASONS];
    bool done;

    board_lock(v);
    vm_exit_counts(vm, counts);
    done = ledger_begin(&vm->ledger, counts, args->a[0], EXIT_VMCALL);
    board_unlock(v);
    return done ? ABI_OK : ABI_EINVAL;
}

i64 hc_ledger_end(struct vcpu *v, const struct hc_args *args)
{
    struct vm *vm = v->vm;
    u64 counts[EXIT_REASONS];
    bool done;

    board_lock(v);
    vm_exit_counts(vm, counts);
    done = ledger_end(&vm->ledger, counts, args->a[0], args->a[1]);
    board_unlock(v);
    return done ? ABI_OK : ABI_EINVAL;
}

static bool may_call(const struct vm *vm, u32 who)
{
    switch (who) {
    case ANYONE: return true;
    case MARKER: return vm->config->ledger == CONFIG_ON;
    case SERVED: return vm->id != VM_CONTROL && vm->config->served != CONFIG_SERVED_OFF;
    case CONTROL: return vm->id == VM_CONTROL;
    default: return false;
    }
}

i64 hypercall(struct vcpu *v, u64 number, const struct hc_args *args)
{
    if (number >= ARRAY_LEN(gate) || !gate[number].call)
        return ABI_ENOSYS;
    if (!may_call(v->vm, gate[number].who))
        return ABI_EPERM;
    return gate[number].call(v, args);
}
