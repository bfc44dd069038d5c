/* See guest_console.h.  Pure.
 *
 * While a reader attends, head and tail are those of an ordinary queue.  While it does not, the
 * guest goes on and overwrites: who attends again starts with what is left, and a byte that was
 * overwritten while it was copied is copied anew.  A byte that is being written lies at `head`, so
 * the ring holds one less than its size. */
#include "vmm/guest_console.h"
#include "lib/atomic.h"
#include "lib/mem.h"

#define HOLDS (GUEST_CONSOLE_SIZE - 1ull)
#define TRIES 4u /* a guest that overwrites sees at its next byte that a reader attends */

void guest_console_init(struct guest_console *g)
{
    memset(g, 0, offsetof(struct guest_console, ring));
}

/* ------------------------------------------------------------ the guest's side */

bool guest_console_room(const struct guest_console *g)
{
    const u32 attended = load_acquire(&g->attended);

    for (u32 r = 0; r < READERS; r++)
        if ((attended >> r & 1) && READ_ONCE(g->head) - load_acquire(&g->tail[r]) >= HOLDS)
            return false;
    return true;
}

bool guest_console_is_full(struct guest_console *g)
{
    if (guest_console_room(g))
        return false;
    (void)atomic_xchg(&g->full, 1u); /* before the second look: who makes room later sees it */
    return !guest_console_room(g);
}

void guest_console_put(struct guest_console *g, u8 byte)
{
    const u64 head = g->head;

    __atomic_thread_fence(__ATOMIC_RELEASE); /* `head` before the byte that it gives up */
    WRITE_ONCE(g->ring[head % GUEST_CONSOLE_SIZE], byte);
    store_release(&g->head, head + 1);
}

bool guest_console_wakes(const struct guest_console *g)
{
    const u64 before = g->head - 1;

    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* `head` is written before `tail` is looked at */
    for (u32 r = 0; r < READERS; r++)
        if ((READ_ONCE(g->attended) >> r & 1) && READ_ONCE(g->tail[r]) == before)
            return true;
    return false;
}

bool guest_console_get(struct guest_console *g, u8 *byte)
{
    const u32 tail = g->typed_tail;

    if (load_acquire(&g->typed_head) == tail)
        return false;
    *byte = g->typed[tail % GUEST_CONSOLE_TYPED];
    store_release(&g->typed_tail, tail + 1);
    return true;
}

/* ------------------------------------------------------------ the readers' side */

void guest_console_attend(struct guest_console *g, enum guest_console_reader reader, bool attends)
{
    if (attends)
        (void)atomic_or(&g->attended, BIT32(reader));
    else
        (void)atomic_and(&g->attended, ~BIT32(reader));
}

static void copy(const struct guest_console *g, u64 from, u8 *bytes, u32 count)
{
    for (u32 i = 0; i < count; i++)
        bytes[i] = READ_ONCE(g->ring[(from + i) % GUEST_CONSOLE_SIZE]);
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* the bytes before the `head` that judges them */
}

u32 guest_console_peek(struct guest_console *g, enum guest_console_reader reader, u8 *bytes,
                       u32 most)
{
    for (u32 i = 0; i < TRIES; i++) {
        const u64 head = load_acquire(&g->head);
        const u64 left = MIN(head - g->tail[reader], HOLDS);
        const u32 count = (u32)MIN(left, (u64)most);

        if (head - g->tail[reader] != left)
            store_release(&g->tail[reader], head - left);
        copy(g, head - left, bytes, count);
        if (READ_ONCE(g->head) - (head - left) <= HOLDS)
            return count;
    }
    return 0;
}

void guest_console_take(struct guest_console *g, enum guest_console_reader reader, u32 count)
{
    (void)atomic_xchg(&g->tail[reader], g->tail[reader] + count); /* before the next look at head */
}

bool guest_console_has_output(const struct guest_console *g, enum guest_console_reader reader)
{
    return load_acquire(&g->head) != g->tail[reader];
}

bool guest_console_can_type(const struct guest_console *g)
{
    return g->typed_head - load_acquire(&g->typed_tail) < GUEST_CONSOLE_TYPED;
}

bool guest_console_type(struct guest_console *g, u8 byte)
{
    const u32 head = g->typed_head;

    if (!guest_console_can_type(g))
        return false;
    g->typed[head % GUEST_CONSOLE_TYPED] = byte;
    store_release(&g->typed_head, head + 1);
    return true;
}

bool guest_console_has_typed(const struct guest_console *g)
{
    return g->typed_head != load_acquire(&g->typed_tail);
}

/* `full` is taken back before the event goes out: who finds no room meanwhile is told once more. */
u32 guest_console_news(struct guest_console *g)
{
    const u32 event = READ_ONCE(g->event), typed = g->typed_head;
    bool news = typed != g->told;

    if (!event)
        return 0;
    g->told = typed;
    if (READ_ONCE(g->full) && guest_console_room(g)) {
        WRITE_ONCE(g->full, 0);
        news = true;
    }
    return news ? event : 0;
}
