/* See console_turn.h. */
#include "vmm/console_turn.h"
#include "vmm/console.h"
#include "vmm/keys.h"
#include "vmm/outlet.h"
#include "vmm/record.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

/* Something was typed for its COM1, or that waits for room. */
static bool has_reason(const struct vm *vm)
{
    return (guest_console_has_typed(&vm->console) && !READ_ONCE(vm->console.event)) ||
           READ_ONCE(vm->board.com1.tx.count);
}

bool console_turn(const struct vcpu *self, u64 now)
{
    bool own = false;

    console_poll(now);
    keys_poll(now);
    record_poll(console_due(), console_deadline(false));
    for (u32 n = 0; n < OUTLETS; n++) {
        struct vm *vm = console_front(n);

        if (vm)
            console_tell(vm);
        if (vm && self && self->vm == vm)
            own = true;
        else if (vm && has_reason(vm))
            vcpu_ask(vm->vcpu[0], TODO_CONSOLE);
    }
    return own;
}
