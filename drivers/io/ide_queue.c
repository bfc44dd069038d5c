/* The requests of an IDE channel: waiting, and ended but not told yet. */
#include "drivers/io/ide_internal.h"

void ide_push(struct ide_list *l, struct disk_request *r)
{
    r->next = NULL;
    if (l->first == NULL)
        l->first = r;
    else
        l->last->next = r;
    l->last = r;
}

struct disk_request *ide_pop(struct ide_list *l)
{
    struct disk_request *r = l->first;

    if (r != NULL)
        l->first = r->next;
    return r;
}

void ide_end(struct ide_channel *c, struct disk_request *r, enum io_result result)
{
    r->result = result;
    ide_push(&c->ended, r);
}

void ide_end_waiting(struct ide_channel *c, const struct ide_drive *d, u64 now,
                     enum io_result result)
{
    struct ide_list all = c->waiting;

    c->waiting.first = NULL;
    for (struct disk_request *r = ide_pop(&all); r != NULL; r = ide_pop(&all))
        if ((d == NULL || ide_target(c, r) == d) && r->deadline <= now)
            ide_end(c, r, result);
        else
            ide_push(&c->waiting, r);
}

void ide_tell(struct ide_channel *c)
{
    struct disk_request *r;

    while ((r = ide_pop(&c->ended)) != NULL) {
        struct ide_drive *d = ide_target(c, r);

        d->queued--;
        d->disk.counts.timeouts += r->result == IO_TIMEOUT;
        r->next = NULL;
        disk_done(&d->disk, r);
    }
}
