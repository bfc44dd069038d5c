/* VM exits: what a handler is, and the only ways in which it can end. */
#pragma once
#include "lib/types.h"
#include "vmm/record.h"
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

#define NO_ROW "a VM exit that Lintel never asks for"

typedef enum verdict exit_handler(struct vcpu *v, const struct exit *x);

struct exit_row {
    exit_handler *handler;
    u32 needs;       /* enum exit_need: what of struct exit the handler looks at */
    const char *why; /* what to say when the guest is stopped over it */
};

/* The same rows three times: as a whole, and what each exit looks up, for which the reason is the
 * index. */
extern const struct exit_row exit_rows[EXIT_REASONS];
extern exit_handler *const exit_handlers[EXIT_REASONS];
extern const u8 exit_needs[EXIT_REASONS];

const struct exit_row *exit_row(u32 reason); /* NULL: EXIT_REASONS or beyond */
/* What a verdict other than NEXT and RESUME says. */
NOINLINE void exit_decide(struct vcpu *v, const struct exit *x, enum verdict verdict);
/* A reason of EXIT_REASONS or beyond: stops the guest. */
void exit_refuse(struct vcpu *v, const struct exit *x);

/* Calls a handler and does what its verdict says.  True: there is something to do before the next
 * entry, v->todo. */
static inline __attribute__((always_inline)) bool exit_handle(struct vcpu *v, exit_handler *handler,
                                                              const struct exit *x)
{
    const enum verdict verdict = handler(v, x);

    record_verdict(verdict);
    if (likely(verdict == NEXT)) {
        if (likely(!(vcpu_advance(v, x->insn_len) | v->todo)))
            return false;
        vcpu_advance_slow(v, x->insn_len);
    } else if (verdict != RESUME) {
        exit_decide(v, x, verdict);
    }
    return v->todo;
}
