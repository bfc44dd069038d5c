/* See console_turn.h. */
#include "vmm/console_turn.h"
#include "vmm/console.h"
#include "vmm/live.h"
#include "vmm/record.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

bool console_turn(const struct vcpu *self, u64 now)
{
    struct vm *vm = console_guest();
    struct vcpu *v = vm ? vm->vcpu[0] : NULL;

    console_poll(now);
    if (v)
        live_poll(v, now);
    record_poll(console_due(), console_deadline());
    if (v && v != self && (live_waiting() || READ_ONCE(vm->board.com1.tx.count)))
        vcpu_ask(v, TODO_CONSOLE);
    return v && v == self;
}
