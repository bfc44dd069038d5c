/* Requests that are done and wait for the next disk_poll() to be told, oldest first: a disk may
 * not call done() out of its submit().  Pure. */
#pragma once
#include "drivers/io/disk.h"

struct done_list {
    struct disk_request *first, **end;
};

static inline void done_list_init(struct done_list *l)
{
    l->first = NULL;
    l->end = &l->first;
}

static inline void done_list_add(struct done_list *l, struct disk_request *r, enum io_result result)
{
    r->result = result;
    r->next = NULL;
    *l->end = r;
    l->end = &r->next;
}

/* Tells those that are in the list now; what they submit and is done at once comes the next time.
 */
static inline void done_list_tell(struct done_list *l, struct disk *d)
{
    struct disk_request *const list = l->first;

    done_list_init(l);
    disk_done(d, list);
}
