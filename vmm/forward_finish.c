/* The reply to a forwarded access has come: the exit's handler runs once more.  See forward.h. */
#include "vmm/boundary.h"
#include "vmm/forward_port.h"
#include "vmm/policy/exit.h"

bool forward_finish(struct vcpu *v, const struct exit *x)
{
    struct forward *f = &v->forward;

    if (!f->waiting) {
        f->exit = *x;
        f->waiting = true;
    }
    if (!load_acquire(&f->replied))
        return false;
    v->away.waits = WAIT_NOTHING;
    f->waiting = false;
    if (f->is_port) {
        f->is_port = false;
        forward_port_done(v, f->value);
        return true;
    }
    f->at.value = f->value;
    f->log[f->done++] = f->at;
    f->used = 0;
    f->exits = forward_exits(v);
    f->exit.tsc = record_now();
    (void)exit_handle(v, exit_handlers[f->exit.reason], &f->exit);
    if (v->away.waits == WAIT_NOTHING) {
        f->done = 0;
        return true;
    }
    f->waiting = true; /* the instruction's next access */
    return false;
}
