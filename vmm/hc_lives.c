/* The hypercalls by which the control partition manages guests, served or not: what they are,
 * orders about their lives and consoles; and Lintel's own log. */
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "lib/mem.h"
#include "vmm/bootinfo.h"
#include "vmm/boundary.h"
#include "vmm/gmem.h"
#include "vmm/guests.h"
#include "vmm/hypercall.h"
#include "vmm/orders.h"
#include "vmm/partition.h"

_Static_assert((u32)ABI_SERVED_DEVICES == CONFIG_SERVED_DEVICES &&
                   (u32)ABI_SERVED_MEMORY == CONFIG_SERVED_MEMORY &&
                   ABI_DEVICES_MAX == CONFIG_DEVICES_MAX && ABI_VCPUS_MAX == VM_VCPUS_MAX,
               "one numbering");

/* ------------------------------------------------------------ what they are */

static u32 state_of(const struct vm *vm)
{
    if (READ_ONCE(vm->release_by))
        return ABI_PARTITION_ENDS;
    return READ_ONCE(vm->unadmitted) ? ABI_PARTITION_NEW : ABI_PARTITION_RUNS;
}

static void describe(const struct vm *vm, u32 life, struct abi_partition *p)
{
    const struct exit_times t = vm_times(vm, rdtsc());

    p->state = state_of(vm);
    p->served = vm->served.slot == SERVED_NONE ? (u32)ABI_SERVED_OFF : vm->config->served;
    p->life = life;
    p->exits = vm_exits(vm);
    p->paused = READ_ONCE(vm->paused) && !READ_ONCE(vm->unadmitted);
    p->unloaded = READ_ONCE(vm->vcpu[0]->away.waits) == WAIT_FIRST;
    p->ticks = t.total;
    p->lintel = t.lintel;
    p->asleep = t.waiting;
    p->waiting = t.stolen;
    for (u32 i = 0; i < vm->vcpus; i++)
        p->cpu[i] = READ_ONCE(vm->vcpu[i]->cpu);
    memcpy(p->devices, vm->config->devices, sizeof(p->devices));
}

static u32 rest_of(u32 n)
{
    switch (guest_life(n)) {
    case LIFE_HELD: return ABI_REST_WAITS;
    case LIFE_OVER: return ABI_REST_ENDED;
    default: return ABI_REST_STARTS;
    }
}

static void describe_config(const struct config_guest *c, struct abi_partition *p)
{

    p->vcpus = c->vcpus;
    p->memory = c->memory;
    memcpy(p->name, c->name, strnlen(c->name, sizeof(p->name) - 1));
}

i64 hc_partition(struct vcpu *v, const struct hc_args *args)
{
    const u32 n = guest_of(args->a[0]);
    struct abi_partition p = {.state = ABI_PARTITION_NONE};
    u32 life;
    const struct vm *vm;

    if (n == ORDER_NONE)
        return ABI_EINVAL;
    p.created = bootinfo_is_made(n) && guest_life(n) != LIFE_NONE;
    vm = partition_lock(args->a[0], &life);
    if (vm) {
        describe_config(vm->config, &p);
        describe(vm, life, &p);
        partition_unlock();
    } else if (guest_life(n) != LIFE_NONE) {
        describe_config(&bootinfo()->config.guest[n], &p);
        p.rest = rest_of(n);
    }
    return gmem_write(v->vm, (gpa_t){args->a[1]}, &p, sizeof(p)) == OK ? ABI_OK : ABI_EFAULT;
}

/* ------------------------------------------------------------ orders */

i64 hc_start(struct vcpu *v, const struct hc_args *args)
{
    (void)v;
    return hc_result(order_start(guest_of(args->a[0])));
}

i64 hc_end(struct vcpu *v, const struct hc_args *args)
{
    static const enum vm_end how[] = {
        [ABI_END_OFF] = VM_END_KILLED, [ABI_END_RESET] = VM_END_RESET};

    (void)v;
    if (args->a[1] >= ARRAY_LEN(how))
        return ABI_EINVAL;
    return hc_result(order_end(guest_of(args->a[0]), how[args->a[1]]));
}

i64 hc_pause(struct vcpu *v, const struct hc_args *args)
{
    (void)v;
    return hc_result(order_pause(guest_of(args->a[0])));
}

i64 hc_resume(struct vcpu *v, const struct hc_args *args)
{
    (void)v;
    return hc_result(order_resume(guest_of(args->a[0])));
}

i64 hc_move(struct vcpu *v, const struct hc_args *args)
{
    (void)v;
    return hc_result(order_move(guest_of(args->a[0]), args->a[1], args->a[2]));
}

i64 hc_power_button(struct vcpu *v, const struct hc_args *args)
{
    (void)v;
    return hc_result(order_press_power_button(guest_of(args->a[0])));
}

i64 hc_console_show(struct vcpu *v, const struct hc_args *args)
{
    (void)v;
    if (args->a[0] != 0)
        return hc_result(order_show(guest_of(args->a[0])));
    order_hide_control();
    return ABI_OK;
}

/* ------------------------------------------------------------ Lintel's log */

i64 hc_log_end(struct vcpu *v, const struct hc_args *args)
{
    (void)v, (void)args;
    return (i64)log_written();
}

i64 hc_log_read(struct vcpu *v, const struct hc_args *args)
{
    char text[ABI_LOG_MAX];
    const gpa_t to = {args->a[1]};
    size_t count;

    if (args->a[2] > sizeof(text))
        return ABI_EINVAL;
    count = log_copy(args->a[0], text, args->a[2]);
    if (count == 0 && args->a[2] != 0)
        return ABI_ENOENT;
    return gmem_write(v->vm, to, text, count) == OK ? (i64)count : ABI_EFAULT;
}

i64 hc_log_level(struct vcpu *v, const struct hc_args *args)
{
    (void)v;
    return log_change_level(args->a[0]);
}
