/* Exits per operation (include/abi/ledger.h).  A mark copies or subtracts the counters of exits; no
 * exit between two marks does anything for it.  Marks are the guest's word: one that makes no sense
 * is counted and has no other effect.  Owner: struct vm, on the CPU that runs it.  Pure. */
#pragma once
#include "abi/ledger.h"
#include "vmx/exit.h"

#define LEDGER_NONE 0xffffffffu

struct ledger_entry {
    u64 count; /* operations, as the guest says */
    u64 exits[EXIT_REASONS];
};

struct ledger {
    u32 open;    /* the operation that has begun, or LEDGER_NONE: only one at a time */
    u64 refused; /* marks */
    u64 before[EXIT_REASONS];
    struct ledger_entry op[LEDGER_OPS];
};

/* Empty; the operation `boot` has begun. */
void ledger_start(struct ledger *l);

/* counts: exits so far.  `own`: the reason of the exit that brought the mark, which is not yet in
 * the counters and never counts as the operation's.  False: unknown operation, one is open already,
 * it is not this one. */
bool ledger_begin(struct ledger *l, const u64 counts[EXIT_REASONS], u64 op, u32 own);
bool ledger_end(struct ledger *l, const u64 counts[EXIT_REASONS], u64 op, u64 times);
/* A mark by port: what was written. */
bool ledger_write(struct ledger *l, const u64 counts[EXIT_REASONS], u32 value);

const char *ledger_op_name(u32 op); /* NULL: there is none of this number */
u64 ledger_exits(const struct ledger_entry *e);
