/* Memory that guests grant to the control partition, and what it has mapped of that.  A frame keeps
 * its owner: the mapping is an entry in the control partition's EPT, which the guest's end, or a
 * revocation, takes away before the frame can get another owner.
 * Lock order: partitions -> the one here -> boundary.lock, frames. */
#pragma once
#include "vmm/vm.h"

#define GRANT_MAPPINGS 256u

/* Called by the guest itself.  *number: of the grant.  E_INVAL: no whole pages; E_RANGE: not RAM;
 * E_NOMEM: SERVED_GRANTS are in use. */
err_t grant_give(struct vm *vm, gpa_t first, u64 len, u32 *number);
/* E_NOENT: there is none.  What is mapped of it is gone when this returns.  With no lock. */
err_t grant_revoke(struct vm *vm, u64 number);

/* Called by the control partition, for its own memory `control`: E_INVAL: no whole pages; E_PERM:
 * not granted; E_EXIST: something is at `at` already; E_RANGE: `at` is out of reach; E_NOMEM. */
err_t grant_map(struct vm *control, const struct vm *vm, gpa_t first, u64 len, gpa_t at);
/* E_NOENT: no mapping begins there. */
err_t grant_unmap(struct vm *control, gpa_t at);

/* The guest is about to be destroyed; the control partition is.  With no lock. */
void grant_drop(const struct vm *vm);
void grant_drop_all(void);

/* For the audit: frames of this owner may be at this address of the control partition. */
bool grant_allows(gpa_t at, u16 owner);

/* The control partition's CPU forgets translations that are not in its EPT any more: called by
 * itself before it goes on (v->away.flush). */
void grant_flush(struct vcpu *v);
