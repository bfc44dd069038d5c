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
    u64 unused;      /* a size that is a power of two: the index is a shift */
};

extern const struct exit_row exit_rows[EXIT_REASONS];

/* For a reason below EXIT_REASONS. */
static inline const struct exit_row *exit_row_at(u64 reason)
{
    u64 offset = reason * sizeof(struct exit_row);

    COMPILER_KEEP(offset);
    return (const struct exit_row *)(const void *)((const u8 *)exit_rows + offset);
}

const struct exit_row *exit_row(u32 reason); /* NULL: EXIT_REASONS or beyond */
/* What a verdict other than NEXT and RESUME says. */
NOINLINE void exit_decide(struct vcpu *v, const struct exit_row *row, const struct exit *x,
                          enum verdict verdict);
/* A reason of EXIT_REASONS or beyond: stops the guest. */
void exit_refuse(struct vcpu *v, const struct exit *x);

/* Calls the row's handler and does what its verdict says.  True: there is something to do before
 * the next entry, v->todo. */
static inline __attribute__((always_inline)) bool
exit_handle(struct vcpu *v, const struct exit_row *row, const struct exit *x)
{
    const enum verdict verdict = row->handler(v, x);

    if (likely(verdict == NEXT)) {
        if (likely(!(vcpu_advance(v, x->insn_len) | v->todo)))
            return false;
        vcpu_advance_slow(v, x->insn_len);
    } else if (verdict != RESUME) {
        exit_decide(v, row, x, verdict);
    }
    return v->todo;
}
