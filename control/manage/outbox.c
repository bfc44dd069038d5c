/* See outbox.h.  Pure. */
#include "control/manage/outbox.h"
#include "lib/mem.h"

static const char cut[] = "\r\n... and more than there is room for; ask for less\r\n";

#define CUT_LEN ((u32)(sizeof(cut) - 1))

void outbox_init(struct outbox *o, char *text, u32 size)
{
    *o = (struct outbox){.text = text, .size = size};
}

/* Room for the line that says so is always left. */
void outbox_put(struct outbox *o, const char *text, size_t len)
{
    const u32 room = o->size - CUT_LEN - o->len;

    if (o->cut)
        return;
    memcpy(o->text + o->len, text, MIN(len, (size_t)room));
    o->len += (u32)MIN(len, (size_t)room);
    if (len <= room)
        return;
    o->cut = true;
    memcpy(o->text + o->len, cut, CUT_LEN);
    o->len += CUT_LEN;
}

u32 outbox_peek(const struct outbox *o, const char **text)
{
    *text = o->text + o->sent;
    return o->len - o->sent;
}

void outbox_take(struct outbox *o, u32 count)
{
    o->sent += count;
    if (o->sent != o->len)
        return;
    o->sent = o->len = 0;
    o->cut = false;
}
