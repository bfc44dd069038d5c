/* The hypercall gate.  Who may call what is data (include/abi/hypercalls.def); the check
 * happens here, once, before any handler runs. */
#include "vmm/hypercall.h"
#include "abi/errors.h"

#define ABI_VERSION  1
#define ABI_REVISION 0

enum { ANYONE = 0 };

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

i64 hypercall(struct vm *vm, u64 number, const struct hc_args *args)
{
    if (number >= ARRAY_LEN(gate) || !gate[number].call)
        return ABI_ENOSYS;
    if (gate[number].who != ANYONE)
        return ABI_EPERM;
    return gate[number].call(vm, args);
}
