/* The hypercalls of the control partition, but those about what it serves (vmm/hc_served.c): log,
 * wait, replies, memory, interrupts.  Each checks all that it was given, and then does what cannot
 * fail. */
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/tsc.h"
#include "lib/mem.h"
#include "vmm/bootinfo.h"
#include "vmm/boundary.h"
#include "vmm/device_irq.h"
#include "vmm/gmem.h"
#include "vmm/grant.h"
#include "vmm/hypercall.h"
#include "vmm/partition.h"
#include "vmm/policy/devices.h"
#include "vmm/wake.h"

i64 hc_result(err_t err)
{
    switch (err) {
    case OK: return ABI_OK;
    case E_NOMEM: return ABI_ENOMEM;
    case E_EXIST: return ABI_EEXIST;
    case E_NOENT: return ABI_ENOENT;
    case E_PERM: return ABI_EPERM;
    default: return ABI_EINVAL;
    }
}

/* ------------------------------------------------------------ log */

#define LINE_MAX         200u
#define LINES_A_SECOND   50u
#define LINES_IN_ADVANCE 200u

/* What a hostile control partition says must not keep the machine busy. */
static bool may_say(u32 *lost)
{
    static u64 from; /* TSC before which nothing is saved up */
    static u32 dropped;
    const u64 now = rdtsc(), each = tsc_hz / LINES_A_SECOND;

    if (now - from > LINES_IN_ADVANCE * each)
        from = now - LINES_IN_ADVANCE * each;
    if (now - from < each) {
        dropped++;
        return false;
    }
    from += each;
    *lost = dropped;
    dropped = 0;
    return true;
}

i64 hc_log(struct vcpu *v, const struct hc_args *args)
{
    char text[LINE_MAX + 1];
    const u64 len = args->a[1];
    u32 lost = 0;

    if (len > LINE_MAX)
        return ABI_EINVAL;
    if (gmem_read(v->vm, (gpa_t){args->a[0]}, text, len) != OK)
        return ABI_EFAULT;
    for (u64 i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
    text[len] = '\0';
    if (!may_say(&lost))
        return ABI_OK;
    if (lost)
        log_warning("control: %u lines were too many and are lost", lost);
    log_info("control: %s", text);
    return ABI_OK;
}

/* ------------------------------------------------------------ waits and replies */

i64 hc_wait(struct vcpu *v, const struct hc_args *args)
{
    const u64 news = boundary_wait(v, args->a[0], rdtsc());

    if (v->away.waits == WAIT_EVENT)
        vcpu_todo(v, TODO_WAIT);
    return (i64)news;
}

i64 hc_reply(struct vcpu *v, const struct hc_args *args)
{
    (void)v;
    if (args->a[0] >= ABI_SLOTS || args->a[1] > UINT32_MAX)
        return ABI_EINVAL;
    return hc_result(boundary_reply((u32)args->a[0], (u32)args->a[1], args->a[2]));
}

i64 hc_reply_wait(struct vcpu *v, const struct hc_args *args)
{
    const i64 result = hc_reply(v, args);

    return result == ABI_OK ? hc_wait(v, &(struct hc_args){.a = {args->a[3]}}) : result;
}

/* ------------------------------------------------------------ memory */

i64 hc_map(struct vcpu *v, const struct hc_args *args)
{
    u32 life;
    struct vm *vm = partition_lock(args->a[0], &life);
    err_t err = E_PERM;

    if (!vm)
        return ABI_ENOENT;
    if (vm->config->served != CONFIG_SERVED_OFF)
        err = grant_map(v->vm, vm, (gpa_t){args->a[1]}, args->a[2], (gpa_t){args->a[3]});
    partition_unlock();
    return hc_result(err);
}

i64 hc_unmap(struct vcpu *v, const struct hc_args *args)
{
    return hc_result(grant_unmap(v->vm, (gpa_t){args->a[0]}));
}

i64 hc_device_memory(struct vcpu *v, const struct hc_args *args)
{
    const u64 first = args->a[0], len = args->a[1];

    if (len == 0 || !IS_ALIGNED(first | len, PAGE_SIZE))
        return ABI_EINVAL;
    if (!devices_have_memory(bootinfo(), first, len))
        return ABI_EPERM;
    return hc_result(
        ept_map(&v->vm->ept, (gpa_t){first}, (hpa_t){first}, len, EPT_R | EPT_W | EPT_UC));
}

i64 hc_grant(struct vcpu *v, const struct hc_args *args)
{
    u32 number;
    const err_t err = grant_give(v->vm, (gpa_t){args->a[0]}, args->a[1], &number);

    if (err == E_RANGE)
        return ABI_EFAULT;
    return err == OK ? (i64)number : hc_result(err);
}

i64 hc_revoke(struct vcpu *v, const struct hc_args *args)
{
    return hc_result(grant_revoke(v->vm, args->a[0]));
}

/* ------------------------------------------------------------ interrupts of the machine */

i64 hc_irq_bind(struct vcpu *v, const struct hc_args *args)
{
    return hc_result(device_irq_bind(args->a[0], args->a[1], args->a[2], v->cpu));
}

i64 hc_irq_done(struct vcpu *v, const struct hc_args *args)
{
    (void)v;
    return hc_result(device_irq_done(args->a[0]));
}
