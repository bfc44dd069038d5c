/* The hypercall gate.  Who may call what is data (include/abi/hypercalls.def); the check
 * happens here, once, before any handler runs. */
#include "vmm/hypercall.h"
#include "abi/errors.h"
#include "vmm/vm.h"

#define ABI_VERSION  1
#define ABI_REVISION 1

enum { ANYONE, MARKER };

#define HYPERCALL(number, name, who, args, result)                                                 \
    static i64 hc_##name(struct vm *vm, const struct hc_args *args_);
#include "abi/hypercalls.def"

static const struct {
    i64 (*call)(struct vm *vm, const struct hc_args *args);
    u32 who;
} gate[] = {
#define HYPERCALL(number, name, who, args, result) [number] = {hc_##name, who},
#include "abi/hypercalls.def"
};

static i64 hc_abi_version(struct vm *vm, const struct hc_args *args)
{
    (void)vm, (void)args;
    return ABI_VERSION << 16 | ABI_REVISION;
}

static i64 hc_ledger_begin(struct vm *vm, const struct hc_args *args)
{
    u64 counts[EXIT_REASONS];

    vm_exit_counts(vm, counts);
    return ledger_begin(&vm->ledger, counts, args->a[0], EXIT_VMCALL) ? ABI_OK : ABI_EINVAL;
}

static i64 hc_ledger_end(struct vm *vm, const struct hc_args *args)
{
    u64 counts[EXIT_REASONS];

    vm_exit_counts(vm, counts);
    return ledger_end(&vm->ledger, counts, args->a[0], args->a[1]) ? ABI_OK : ABI_EINVAL;
}

static bool may_call(const struct vm *vm, u32 who)
{
    return who == ANYONE || (who == MARKER && vm->config->ledger == CONFIG_ON);
}

i64 hypercall(struct vm *vm, u64 number, const struct hc_args *args)
{
    if (number >= ARRAY_LEN(gate) || !gate[number].call)
        return ABI_ENOSYS;
    if (!may_call(vm, gate[number].who))
        return ABI_EPERM;
    return gate[number].call(vm, args);
}
