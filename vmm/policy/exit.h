/* VM exits: what a handler is, and the only ways in which it can end. */
#pragma once
#include "lib/types.h"
#include "vmm/vcpu.h"
#include "vmx/exit.h"

/* RIP, interruptibility and the single-step trap are the dispatcher's business, in one place. */
enum verdict {
    RESUME,   /* enter again where we were: not an instruction, or to be retried   */
    NEXT,     /* the instruction is done: skip it                                   */
    FAULT_UD, /* the instruction faults instead                                     */
    FAULT_GP,
    KILL, /* stop this guest, keep the evidence                                 */
};

struct exit_row {
    enum verdict (*handler)(struct vcpu *v, const struct exit *x);
    u32 needs;       /* enum exit_need: what of struct exit the handler looks at */
    const char *why; /* what to say when the guest is stopped over it */
};

const struct exit_row *exit_row(u32 reason); /* NULL: no row */
void exit_dispatch(struct vcpu *v, struct exit *x);
