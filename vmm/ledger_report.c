/* Exits per operation in words and figures; see ledger_report.h. */
#include "vmm/ledger_report.h"
#include "arch/x86_64/log.h"
#include "lib/fmt.h"

#define X(v)       ((unsigned long long)(v))
#define TEXT_SIZE  256u /* with the line's beginning it is less than a line of the log */
#define ITEM_MAX   64u  /* a reason's name and figures */
#define USER_FIRST LEDGER_OP_user0

/* Thousandths of an exit for each operation. */
static u64 rate(u64 exits, u64 count)
{
    return (exits * 1000 + count / 2) / count;
}

/* One row: by falling share, as many reasons as fit and show. */
static void show_entry(const char *name, const struct ledger_entry *e)
{
    const u64 all = rate(ledger_exits(e), e->count);
    char text[TEXT_SIZE] = "";
    size_t used = 0;

    for (u64 below = ~0ull, best = 1; best > 0 && used < sizeof(text) - ITEM_MAX; below = best) {
        best = 0;
        for (u32 i = 0; i < EXIT_REASONS; i++)
            if (e->exits[i] < below)
                best = MAX(best, e->exits[i]);
        if (rate(best, e->count) == 0)
            break;
        for (u32 i = 0; i < EXIT_REASONS && used < sizeof(text) - ITEM_MAX; i++) {
            const u64 each = rate(best, e->count);

            if (e->exits[i] == best)
                used += fmt_buf(text + used, sizeof(text) - used, "  %llu.%03llu %s",
                                X(each / 1000), X(each % 1000), exit_reason_name(i));
        }
    }
    log_info("  %-14s %9llu %7llu.%03llu %s", name, X(e->count), X(all / 1000), X(all % 1000),
             text);
}

/* As many lines as the reasons take; each begins in the same way. */
static void print_entry(const char *guest, const char *name, const struct ledger_entry *e)
{
    char text[TEXT_SIZE] = "";
    size_t used = 0;
    u32 lines = 0;

    for (u32 i = 0; i < EXIT_REASONS; i++) {
        if (e->exits[i])
            used += fmt_buf(text + used, sizeof(text) - used, " %s:%llu", exit_reason_name(i),
                            X(e->exits[i]));
        if (used > sizeof(text) - ITEM_MAX || (i == EXIT_REASONS - 1 && (used > 0 || lines == 0))) {
            log_info("LINTEL-LEDGER guest=%s op=%s count=%llu exits=%llu%s", guest, name,
                     X(e->count), X(ledger_exits(e)), text);
            used = 0;
            text[0] = '\0';
            lines++;
        }
    }
}

void ledger_report(const char *guest, const struct ledger *l)
{
    const char *open = ledger_op_name(l->open);

    log_info("guest %s: exits per operation; marks refused: %llu, not ended: %s", guest,
             X(l->refused), open ? open : "none");
    log_info("  %-14s %9s %11s   %s", "operation", "count", "exits each", "by reason");
    for (u32 op = 0; op < LEDGER_OPS; op++) {
        const char *name = ledger_op_name(op);

        if (name && l->op[op].count)
            show_entry(name, &l->op[op]);
        else if (name && op < USER_FIRST)
            log_info("  %-14s %9s", name, "absent");
    }
    for (u32 op = 0; op < LEDGER_OPS; op++)
        if (ledger_op_name(op) && l->op[op].count)
            print_entry(guest, ledger_op_name(op), &l->op[op]);
    log_info("LINTEL-LEDGER-MARKS guest=%s refused=%llu open=%s", guest, X(l->refused),
             open ? open : "-");
}
