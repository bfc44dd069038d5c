/* See forward.h. */
#include "vmm/forward.h"
#include "lib/atomic.h"
#include "vmm/boundary.h"
#include "vmm/control_call.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

u32 forward_bell_elsewhere(const struct served *s, u32 space, u64 address, u32 bytes,
                           const u64 *value)
{
    const struct served_bell *b = served_bell_of(s, space, address, bytes, value);

    return b ? READ_ONCE(b->port) : 0;
}

static bool is_same(const struct forwarded_access *a, const struct forwarded_access *b)
{
    return a->address == b->address && a->bytes == b->bytes && a->space == b->space &&
           a->write == b->write;
}

/* The instruction's next access has had its reply.  If it is another one than before (its bytes or
 * its operands in memory have changed), the log means nothing any more. */
static bool is_answered(struct forward *f, const struct forwarded_access *a, u64 *value)
{
    if (f->used == f->done)
        return false;
    if (!is_same(&f->log[f->used], a)) {
        f->used = f->done = 0;
        return false;
    }
    *value = f->log[f->used++].value;
    if (a->space == ABI_PORTS) /* the only one of the instruction, or of its iteration */
        f->used = f->done = 0;
    return true;
}

u64 forward_exits(const struct vcpu *v)
{
    return v->stats->reason[EXIT_EPT_VIOLATION].count + v->stats->reason[EXIT_APIC_ACCESS].count;
}

enum forwarded forward_access(struct vcpu *v, enum abi_space space, u64 address, u32 bytes,
                              bool write, u64 *value)
{
    struct forward *f = &v->forward;
    const struct served *s = &v->vm->served;
    const struct forwarded_access a = {
        .address = address, .value = *value, .bytes = bytes, .space = (u8)space, .write = write};
    const u64 exits = forward_exits(v);
    struct vcpu *control = NULL;

    if (READ_ONCE(s->ranges) == 0 || !served_range_has(s, space, address, bytes))
        return FORWARD_NOBODY;
    if (f->exits != exits)
        f->used = f->done = 0;
    f->exits = exits;
    if (is_answered(f, &a, value))
        return FORWARD_DONE;
    if (write && event_ring(v, forward_bell(s, space, address, bytes, value)))
        return FORWARD_DONE;
    f->at = a;
    if (f->done == FORWARD_LOG || !boundary_request(v, space == ABI_MEMORY ? &control : NULL)) {
        *value = ~0ull;
        return FORWARD_DONE;
    }
    if (control && control_call(v, control, value)) {
        f->at.value = *value;
        f->log[f->done++] = f->at;
        f->used = f->done;
        return FORWARD_DONE;
    }
    vcpu_todo(v, TODO_WAKE); /* not TODO_WAIT: forward_finish() has to see the exit */
    return FORWARD_WAIT;
}
