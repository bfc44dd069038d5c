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
/* Reads from the VMCS what the row asks for; returns the row, or NULL. */
const struct exit_row *exit_read(struct exit *x);
/* Calls the row's handler and does what its verdict says; without a row, stops the guest. */
void exit_handle(struct vcpu *v, const struct exit_row *row, const struct exit *x);
