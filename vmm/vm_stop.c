/* A guest that is stopped over what it did; see vm_end.h. */
#include "arch/x86_64/log.h"
#include "lib/atomic.h"
#include "vmm/dump.h"
#include "vmm/vm_end.h"

void vm_stop(struct vcpu *v, const struct exit *x, const char *why)
{
    u64 never = 0;

    (void)atomic_cmpxchg(&v->vm->stopped_at, &never, log_written() + 1);
    vm_end(v->vm, VM_END_STOPPED, 0);
    log_error("guest %s stopped: %s", v->vm->config->name, why);
    dump_guest(v, x);
}
