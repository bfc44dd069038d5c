/* See forward.h. */
#include "vmm/forward.h"
#include "lib/atomic.h"
#include "vmm/boundary.h"
#include "vmm/control_call.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

bool forward_claims(const struct vm *vm, gpa_t gpa)
{
    return served_range_has(&vm->served, ABI_MEMORY, gpa.v, 1);
}

static bool rings(const struct served_bell *b, const struct forwarded_access *a)
{
    if (load_acquire(&b->space) != a->space || b->address != a->address)
        return false;
    return b->bytes == 0 || (b->bytes == a->bytes && (!b->has_value || b->value == a->value));
}

bool forward_rings(struct vcpu *v, const struct forwarded_access *a)
{
    const struct served *s = &v->vm->served;

    for (u32 i = 0; i < READ_ONCE(s->bells); i++) {
        if (!rings(&s->bell[i], a))
            continue;
        event_ring(v, s->bell[i].port);
        return true;
    }
    return false;
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

static void look_at_exit(struct vcpu *v)
{
    struct forward *f = &v->forward;
    const u64 exits = forward_exits(v);

    if (f->exits != exits)
        f->used = f->done = 0;
    f->exits = exits;
}

enum forwarded forward_access(struct vcpu *v, enum abi_space space, u64 address, u32 bytes,
                              bool write, u64 *value)
{
    struct forward *f = &v->forward;
    const struct served *s = &v->vm->served;
    const struct forwarded_access a = {
        .address = address, .value = *value, .bytes = bytes, .space = (u8)space, .write = write};
    struct vcpu *control = NULL;

    if (READ_ONCE(s->ranges) == 0 || !served_range_has(s, space, address, bytes))
        return FORWARD_NOBODY;
    look_at_exit(v);
    if (is_answered(f, &a, value))
        return FORWARD_DONE;
    if (write && forward_rings(v, &a))
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
