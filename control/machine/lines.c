/* See lines.h.  Pure. */
#include "control/machine/lines.h"

static u32 users(const struct line *line)
{
    u32 n = 0;

    for (u32 i = 0; i < LINE_USERS; i++)
        n += line->user[i] != NULL;
    return n;
}

err_t lines_add(struct lines *l, u32 line, bool level, struct io_irq *irq)
{
    struct line *const at = &l->line[line % LINES];

    if (line >= LINES)
        return E_NOENT;
    if (users(at) > 0 && at->level != level)
        return E_INVAL;
    for (u32 i = 0; i < LINE_USERS; i++)
        if (at->user[i] == NULL) {
            at->user[i] = irq;
            at->level = level;
            irq->id = line * LINE_USERS + i + 1;
            return OK;
        }
    return E_NOMEM;
}

u32 lines_remove(struct lines *l, const struct io_irq *irq)
{
    const u32 n = (irq->id - 1) % (LINES * LINE_USERS);

    l->line[n / LINE_USERS].user[n % LINE_USERS] = NULL;
    return n / LINE_USERS;
}

enum line_verdict lines_serve(struct lines *l, u32 line)
{
    struct line *const at = &l->line[line];
    bool taken = false;

    for (u32 i = 0; i < LINE_USERS; i++) {
        struct io_irq *const irq = at->user[i];

        if (irq == NULL) /* or an earlier handler has freed it */
            continue;
        irq->count++;
        taken |= irq->handler(irq->arg);
    }
    at->nobodys = taken ? 0 : at->nobodys + 1;
    if (users(at) == 0)
        return LINE_IDLE;
    if (taken)
        return LINE_TAKEN;
    /* An edge that nobody wants does not come again by itself. */
    return at->level && at->nobodys >= LINE_NOBODY ? LINE_STORM : LINE_MISS;
}
