/* The hypercalls by which a guest has a console at the control partition: it is the one of its COM1
 * (vmm/guest_console.h), whose two queues stand under the lock of the guest's board.  The control
 * partition has one, too, by the number 0. */
#include "vmm/hc_console.h"
#include "vmm/boundary.h"
#include "vmm/console.h"
#include "vmm/gmem.h"
#include "vmm/hypercall.h"
#include "vmm/partition.h"
#include "vmm/vcpu_irq.h"
#include "vmm/wake.h"

/* The partition with that console, and its board; NULL: *refusal says why there is none. */
static struct vm *lock_console(struct vcpu *v, u64 number, i64 *refusal)
{
    struct vm *vm = v->vm;

    if (number)
        vm = partition_lock_served(number, refusal);
    else
        *refusal = ABI_OK;
    if (vm)
        board_share(vm);
    return vm;
}

static void unlock_console(const struct vcpu *v, struct vm *vm)
{
    spin_unlock(&vm->lock);
    if (vm != v->vm)
        partition_unlock();
}

i64 hc_console_write(struct vcpu *v, const struct hc_args *args)
{
    u8 bytes[ABI_CONSOLE_MAX];
    const u64 len = args->a[2];
    i64 result;
    struct vm *vm;

    if (len > sizeof(bytes))
        return ABI_EINVAL;
    if (gmem_read(v->vm, (gpa_t){args->a[1]}, bytes, len) != OK)
        return ABI_EFAULT;
    vm = lock_console(v, args->a[0], &result);
    if (!vm)
        return result;
    for (result = 0; result < (i64)len && !guest_console_is_full(&vm->console); result++)
        console_put(vm, bytes[result]);
    unlock_console(v, vm);
    return result;
}

i64 hc_console_read(struct vcpu *v, const struct hc_args *args)
{
    u8 bytes[ABI_CONSOLE_MAX];
    const gpa_t to = {args->a[1]};
    const u64 len = args->a[2];
    u64 count = 0;
    i64 refusal;
    struct vm *vm;

    if (len > sizeof(bytes))
        return ABI_EINVAL;
    if (!gmem_is_ram(v->vm, to, len)) /* before anything is taken */
        return ABI_EFAULT;
    vm = lock_console(v, args->a[0], &refusal);
    if (!vm)
        return refusal;
    while (count < len && vm->console.event && guest_console_get(&vm->console, &bytes[count]))
        count++;
    unlock_console(v, vm);
    return gmem_write(v->vm, to, bytes, count) == OK ? (i64)count : ABI_EFAULT;
}

i64 hc_typed(struct vcpu *v, const struct hc_args *args)
{
    u8 bytes[ABI_TYPED_MAX];

    if (args->a[1] > sizeof(bytes))
        return ABI_EINVAL;
    if (gmem_read(v->vm, (gpa_t){args->a[0]}, bytes, args->a[1]) != OK)
        return ABI_EFAULT;
    return console_keyboard(bytes, (u32)args->a[1]);
}

/* With the locks. */
static void bind(struct vm *vm, u32 event)
{
    WRITE_ONCE(vm->console.event, event);
    if (event)
        event_post(event); /* there may be something already */
    else
        vcpu_ask(vm->vcpu[0], TODO_CONSOLE);
}

i64 hc_console_events(struct vcpu *v, const struct hc_args *args)
{
    const u64 port = args->a[1];
    i64 refusal;
    struct vm *vm;

    if (port >= ABI_EVENTS || (port < ABI_EVENT_FIRST && port != 0))
        return ABI_EINVAL;
    vm = lock_console(v, args->a[0], &refusal);
    if (!vm)
        return refusal;
    bind(vm, (u32)port);
    unlock_console(v, vm);
    return ABI_OK;
}

void hc_console_drop_all(void)
{
    i64 refusal;

    for (u64 n = 1; n < PARTITIONS; n++) {
        struct vm *vm = partition_lock_served(n, &refusal);

        if (!vm)
            continue;
        board_share(vm);
        if (vm->console.event)
            bind(vm, 0);
        spin_unlock(&vm->lock);
        partition_unlock();
    }
}
