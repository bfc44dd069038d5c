/* See partition.h. */
#include "vmm/partition.h"
#include "abi/errors.h"
#include "vmm/boundary.h"

static struct {
    struct spinlock lock;
    struct vm *vm[PARTITIONS];
    u32 life[PARTITIONS];
} partitions;

static void set(u32 number, struct vm *vm)
{
    spin_lock(&partitions.lock);
    partitions.vm[number] = vm;
    partitions.life[number] += vm != NULL;
    spin_unlock(&partitions.lock);
    event_post(ABI_EVENT_PARTITIONS);
}

void partition_add(struct vm *vm)
{
    set(vm->id + 1, vm);
}

void partition_remove(struct vm *vm)
{
    set(vm->id + 1, NULL);
}

struct vm *partition_lock(u64 number, u32 *life)
{
    if (number == 0 || number >= PARTITIONS)
        return NULL;
    spin_lock(&partitions.lock);
    if (partitions.vm[number]) {
        *life = partitions.life[number];
        return partitions.vm[number];
    }
    spin_unlock(&partitions.lock);
    return NULL;
}

struct vm *partition_lock_served(u64 number, i64 *refusal)
{
    u32 life;
    struct vm *vm = partition_lock(number, &life);

    *refusal = ABI_ENOENT;
    if (vm && vm->served.slot == SERVED_NONE) {
        partition_unlock();
        *refusal = ABI_EPERM;
        return NULL;
    }
    return vm;
}

void partition_unlock(void)
{
    spin_unlock(&partitions.lock);
}
