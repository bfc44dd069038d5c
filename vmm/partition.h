/* Which partitions there are, by the numbers of abi/control.h: 0 the control partition, 1 + n guest
 * n of the configuration.  Guests come and go on the boot CPU while the control partition names
 * them on its own. */
#pragma once
#include "vmm/vm.h"

#define PARTITIONS (1 + CONFIG_GUESTS_MAX)

/* It is there from now on; the control partition is told. */
void partition_add(struct vm *vm);
/* It is not any more, and nobody looks at it. */
void partition_remove(struct vm *vm);
/* A guest, which stays while the lock is held; NULL: there is none, and the lock is not held. */
struct vm *partition_lock(u64 number, u32 *life);
/* The same for one that is served; NULL: *refusal is the hypercall's result. */
struct vm *partition_lock_served(u64 number, i64 *refusal);
void partition_unlock(void);
