/* The hypercalls by which the control partition serves a guest: its ranges, doorbells,
 * interrupts.  The guest is held by partition_lock() meanwhile. */
#include "lib/mem.h"
#include "vmm/boundary.h"
#include "vmm/cpu_share.h"
#include "vmm/gmem.h"
#include "vmm/hypercall.h"
#include "vmm/mmio.h"
#include "vmm/partition.h"
#include "vmm/policy/io.h"
#include "vmm/vcpu_irq.h"
#include "vmm/wake.h"

/* ------------------------------------------------------------ partitions */

i64 hc_admit(struct vcpu *v, const struct hc_args *args)
{
    i64 refusal;
    struct vm *vm = partition_lock_served(args->a[0], &refusal);

    (void)v;
    if (!vm)
        return refusal;
    if (atomic_xchg(&vm->unadmitted, 0)) {
        (void)atomic_xchg(&vm->paused, 0);
        for (u32 i = 0; i < vm->vcpus; i++)
            vcpu_ask(vm->vcpu[i], TODO_BOARD);
    }
    partition_unlock();
    return ABI_OK;
}

i64 hc_release(struct vcpu *v, const struct hc_args *args)
{
    i64 result;
    struct vm *vm = partition_lock_served(args->a[0], &result);

    (void)v;
    if (!vm)
        return result;
    result = READ_ONCE(vm->release_by) ? ABI_OK : ABI_EINVAL; /* it has ended */
    if (result == ABI_OK) {
        store_release(&vm->released, 1);
        cpu_ask(0, CPU_CONTROL);
    }
    partition_unlock();
    return result;
}

/* ------------------------------------------------------------ ranges */

/* Nothing that the board has. */
static bool may_claim_ports(const struct vm *vm, const struct abi_range *r)
{
    if (r->last > 0xffff)
        return false;
    for (u64 port = r->first; port <= r->last; port++)
        if (io_find((u16)port)->action > (port > r->first ? IO_SHARED : IO_SPARE) ||
            port == vm->board.debug_exit_port)
            return false;
    return true;
}

/* Whole pages that are neither RAM nor in the MMIO table. */
static bool may_claim_memory(const struct vm *vm, const struct abi_range *r)
{
    if (!IS_ALIGNED(r->first | (r->last + 1), PAGE_SIZE) || r->last >= BIT(vm->cpuid.phys_bits))
        return false;
    for (u32 i = 0; i < vm->extents; i++)
        if (r->first < vm->extent[i].gpa.v + vm->extent[i].len && vm->extent[i].gpa.v <= r->last)
            return false;
    for (u32 i = 0; mmio_row(i); i++)
        if (r->first <= mmio_row(i)->last && mmio_row(i)->first <= r->last)
            return false;
    return true;
}

static struct served_range *find_range(struct served *s, const struct abi_range *r)
{
    for (u32 i = 0; i < s->ranges; i++)
        if (s->range[i].space == r->space && s->range[i].first == r->first &&
            s->range[i].last == r->last)
            return &s->range[i];
    return NULL;
}

static bool overlaps(const struct served *s, const struct abi_range *r)
{
    for (u32 i = 0; i < s->ranges; i++)
        if (s->range[i].space == r->space && s->range[i].first <= r->last &&
            r->first <= s->range[i].last)
            return true;
    return false;
}

static i64 add_range(struct served *s, const struct abi_range *r)
{
    u32 i = 0;

    if (find_range(s, r)) /* an earlier life's: the same */
        return ABI_OK;
    if (overlaps(s, r))
        return ABI_EEXIST;
    while (i < s->ranges && s->range[i].space)
        i++;
    if (i == SERVED_RANGES)
        return ABI_ENOMEM;
    s->range[i].first = r->first;
    s->range[i].last = r->last;
    store_release(&s->range[i].space, r->space);
    if (i == s->ranges)
        store_release(&s->ranges, i + 1);
    return ABI_OK;
}

static i64 read_range(struct vcpu *v, const struct hc_args *args, struct abi_range *r)
{
    if (gmem_read(v->vm, (gpa_t){args->a[1]}, r, sizeof(*r)) != OK)
        return ABI_EFAULT;
    if ((r->space != ABI_PORTS && r->space != ABI_MEMORY) || r->first > r->last || r->reserved)
        return ABI_EINVAL;
    return ABI_OK;
}

i64 hc_claim(struct vcpu *v, const struct hc_args *args)
{
    struct abi_range r;
    i64 result = read_range(v, args, &r);
    struct vm *vm = result == ABI_OK ? partition_lock_served(args->a[0], &result) : NULL;

    if (!vm)
        return result;
    if (r.space == ABI_PORTS ? may_claim_ports(vm, &r) : may_claim_memory(vm, &r))
        result = add_range(&vm->served, &r);
    else
        result = ABI_EEXIST;
    partition_unlock();
    return result;
}

static void forget_range(struct served *s, struct served_range *r)
{
    for (u32 i = 0; i < SERVED_BELLS; i++)
        if (s->bell[i].space == r->space && s->bell[i].address >= r->first &&
            s->bell[i].address <= r->last)
            store_release(&s->bell[i].space, SERVED_GONE);
    store_release(&r->space, 0);
}

i64 hc_unclaim(struct vcpu *v, const struct hc_args *args)
{
    struct abi_range r;
    i64 result = read_range(v, args, &r);
    struct vm *vm = result == ABI_OK ? partition_lock_served(args->a[0], &result) : NULL;
    struct served_range *found;

    if (!vm)
        return result;
    found = find_range(&vm->served, &r);
    if (found)
        forget_range(&vm->served, found);
    partition_unlock();
    return found ? ABI_OK : ABI_ENOENT;
}

/* ------------------------------------------------------------ doorbells */

static i64 read_doorbell(struct vcpu *v, const struct hc_args *args, struct abi_doorbell *d)
{
    if (gmem_read(v->vm, (gpa_t){args->a[1]}, d, sizeof(*d)) != OK)
        return ABI_EFAULT;
    if ((d->space != ABI_PORTS && d->space != ABI_MEMORY) || d->has_value > 1 ||
        d->port < ABI_EVENT_FIRST || d->port >= ABI_EVENTS)
        return ABI_EINVAL;
    if (d->bytes > 8 || (d->bytes & (d->bytes - 1)) || (d->bytes == 0 && d->has_value))
        return ABI_EINVAL;
    return ABI_OK;
}

static bool is_bell(const struct served_bell *b, const struct abi_doorbell *d)
{
    return b->space == d->space && b->address == d->address && b->bytes == d->bytes &&
           b->has_value == d->has_value && (!b->has_value || b->value == d->value);
}

/* Where it is; if it is to be added, or where it can be put.  NULL: nowhere. */
static struct served_bell *find_bell(struct served *s, const struct abi_doorbell *d, bool add)
{
    struct served_bell *room = NULL;
    u32 at = served_bell_place(d->address);

    for (u32 n = 0; n < SERVED_BELLS; n++, at = (at + 1) % SERVED_BELLS) {
        struct served_bell *b = &s->bell[at];

        if (is_bell(b, d))
            return b;
        if (add && !room && (b->space == 0 || b->space == SERVED_GONE))
            room = b;
        if (b->space == 0)
            break;
    }
    return room;
}

/* A range of ports may go on over the board's, which are its own (IO_SHARED). */
static bool may_ring(const struct served *s, const struct abi_doorbell *d)
{
    return served_range_has(s, d->space, d->address, MAX(d->bytes, 1u)) &&
           (d->space != ABI_PORTS || io_find((u16)d->address)->action <= IO_SPARE);
}

static i64 add_bell(struct served *s, const struct abi_doorbell *d)
{
    struct served_bell *b = find_bell(s, d, true);

    if (!may_ring(s, d))
        return ABI_EINVAL;
    if (!b)
        return ABI_ENOMEM;
    WRITE_ONCE(b->port, d->port); /* of an earlier life's, nothing but this is another */
    b->bytes = d->bytes;
    b->has_value = d->has_value;
    b->address = d->address;
    b->value = d->value;
    store_release(&b->space, d->space);
    return ABI_OK;
}

i64 hc_doorbell(struct vcpu *v, const struct hc_args *args)
{
    struct abi_doorbell d;
    i64 result = read_doorbell(v, args, &d);
    struct vm *vm = result == ABI_OK ? partition_lock_served(args->a[0], &result) : NULL;

    if (!vm)
        return result;
    result = add_bell(&vm->served, &d);
    partition_unlock();
    return result;
}

i64 hc_undoorbell(struct vcpu *v, const struct hc_args *args)
{
    struct abi_doorbell d;
    i64 result = read_doorbell(v, args, &d);
    struct vm *vm = result == ABI_OK ? partition_lock_served(args->a[0], &result) : NULL;
    struct served_bell *found;

    if (!vm)
        return result;
    found = find_bell(&vm->served, &d, false);
    if (found)
        store_release(&found->space, SERVED_GONE);
    partition_unlock();
    return found ? ABI_OK : ABI_ENOENT;
}

/* ------------------------------------------------------------ interrupts to a guest */

i64 hc_line(struct vcpu *v, const struct hc_args *args)
{
    const u64 line = args->a[1], level = args->a[2];
    i64 refusal;
    struct vm *vm;

    (void)v;
    if (line >= IOAPIC_PINS || !(BOARD_FREE_LINES >> line & 1) || level > 1)
        return ABI_EINVAL;
    vm = partition_lock_served(args->a[0], &refusal);
    if (!vm)
        return refusal;
    if (level)
        (void)atomic_or(&vm->served.lines, BIT32(line));
    else
        (void)atomic_and(&vm->served.lines, ~BIT32(line));
    vcpu_ask(vm->vcpu[0], TODO_LINES);
    partition_unlock();
    return ABI_OK;
}

/* SDM Vol. 3A, "Message Address Register Format", "Message Data Register Format". */
#define MSI_ADDRESS    0xfee00000ull
#define MSI_LOGICAL    BIT(2)
#define MSI_LEVEL      BIT(15)
#define MSI_DATA_KNOWN 0xc7ffull

static bool message_of(u64 address, u64 data, struct apic_message *m)
{
    const u8 mode = data >> 8 & 7;

    if ((address & ~0xfffffull) != MSI_ADDRESS || (data & ~MSI_DATA_KNOWN) || (data & MSI_LEVEL))
        return false;
    if ((mode != DELIVER_FIXED && mode != DELIVER_LOWEST) || (data & 0xff) < 16)
        return false;
    *m = (struct apic_message){
        .destination = (u32)(address >> 12 & 0xff),
        .vector = (u8)data,
        .mode = mode,
        .logical = address & MSI_LOGICAL,
    };
    return true;
}

i64 hc_msi(struct vcpu *v, const struct hc_args *args)
{
    struct apic_message m;
    i64 refusal;
    struct vm *vm;

    (void)v;
    if (!message_of(args->a[1], args->a[2], &m))
        return ABI_EINVAL;
    vm = partition_lock_served(args->a[0], &refusal);
    if (!vm)
        return refusal;
    vm_send_message(vm, &m);
    partition_unlock();
    return ABI_OK;
}
