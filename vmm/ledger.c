/* Exits per operation; see ledger.h.  Pure. */
#include "vmm/ledger.h"
#include "lib/mem.h"

static const char *const names[LEDGER_OPS] = {
#define LEDGER_OP(number, name, text) [number] = #name,
#include "abi/ledger.def"
};

const char *ledger_op_name(u32 op)
{
    return op < LEDGER_OPS ? names[op] : NULL;
}

u64 ledger_exits(const struct ledger_entry *e)
{
    u64 exits = 0;

    for (u32 i = 0; i < EXIT_REASONS; i++)
        exits += e->exits[i];
    return exits;
}

void ledger_start(struct ledger *l)
{
    memset(l, 0, sizeof(*l));
    l->open = LEDGER_OP_boot;
}

static bool refuse(struct ledger *l)
{
    l->refused++;
    return false;
}

bool ledger_begin(struct ledger *l, const u64 counts[EXIT_REASONS], u64 op, u32 own)
{
    if (op >= LEDGER_OPS || !names[op] || l->open != LEDGER_NONE)
        return refuse(l);
    for (u32 i = 0; i < EXIT_REASONS; i++)
        l->before[i] = counts[i];
    l->before[own]++;
    l->open = (u32)op;
    return true;
}

bool ledger_end(struct ledger *l, const u64 counts[EXIT_REASONS], u64 op, u64 times)
{
    if (op != l->open || op >= LEDGER_OPS || times > LEDGER_TIMES_MAX)
        return refuse(l);

    struct ledger_entry *e = &l->op[op];

    /* Both marks in one exit (a REP OUTS): the one that brought them is not in the counters yet. */
    for (u32 i = 0; i < EXIT_REASONS; i++)
        if (counts[i] > l->before[i])
            e->exits[i] += counts[i] - l->before[i];
    e->count += times ? times : 1;
    l->open = LEDGER_NONE;
    return true;
}

bool ledger_write(struct ledger *l, const u64 counts[EXIT_REASONS], u32 value)
{
    const u32 op = value & LEDGER_OP_MASK;

    if (value & LEDGER_END)
        return ledger_end(l, counts, op, value >> LEDGER_TIMES_SHIFT);
    if (value >> LEDGER_TIMES_SHIFT)
        return refuse(l);
    return ledger_begin(l, counts, op, EXIT_IO);
}
