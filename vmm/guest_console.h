/* The two queues of a guest's console: what it has sent, and what was typed for it.  Pure.
 * Who sends -- the guest's COM1, or the control partition for it -- holds the lock of the guest's
 * board, on any CPU; who reads is the boot CPU.  Typed characters go the other way.  Up to READERS
 * readers look at the same output, each at its own pace: one at a serial port, one at the screen.
 * Lifetime: the guest's. */
#pragma once
#include "lib/types.h"

#define GUEST_CONSOLE_SIZE  16384u /* bytes of output; a power of two */
#define GUEST_CONSOLE_TYPED 256u   /* a power of two */

enum guest_console_reader { READER_PORT, READER_SCREEN, READERS };

struct guest_console {
    u64 head;                   /* bytes ever sent */
    u64 tail[READERS];          /* of these: taken, or lost while nobody attended */
    u32 attended;               /* bit n: reader n takes all; nothing is to be overwritten */
    u32 outlet[READERS];        /* vmm/console.c's: where the reader is */
    u32 typed_head, typed_tail; /* counters; modulo GUEST_CONSOLE_TYPED in typed[] */
    u32 event; /* of the control partition, which takes what is typed; 0: COM1 does */
    u32 told;  /* typed_head when the readers' side posted it last */
    u32 full;  /* who sends for that event has found no room; atomic */
    u8 typed[GUEST_CONSOLE_TYPED];
    u8 ring[GUEST_CONSOLE_SIZE];
};

void guest_console_init(struct guest_console *g);

/* ---- the guest's side */
/* Room for a byte, without loss to a reader that attends. */
bool guest_console_room(const struct guest_console *g);
/* The same for who is told of room by guest_console_news(). */
bool guest_console_is_full(struct guest_console *g);
/* Without room, or with no reader, the oldest byte is lost. */
void guest_console_put(struct guest_console *g, u8 byte);
/* After guest_console_put(), on another CPU than the readers': one of them may have gone to sleep
 * before it saw the byte.  True at most once for all that it finds when it looks again. */
bool guest_console_wakes(const struct guest_console *g);
/* The next character typed; false: none. */
bool guest_console_get(struct guest_console *g, u8 *byte);

/* ---- the readers' side */
void guest_console_attend(struct guest_console *g, enum guest_console_reader reader, bool attends);
/* Copies up to `most` bytes that are next for a reader that attends; returns how many.
 * guest_console_take() takes them, or fewer. */
u32 guest_console_peek(struct guest_console *g, enum guest_console_reader reader, u8 *bytes,
                       u32 most);
void guest_console_take(struct guest_console *g, enum guest_console_reader reader, u32 count);
/* Whether guest_console_peek() would give something. */
bool guest_console_has_output(const struct guest_console *g, enum guest_console_reader reader);
bool guest_console_can_type(const struct guest_console *g);
/* False: no room. */
bool guest_console_type(struct guest_console *g, u8 byte);
bool guest_console_has_typed(const struct guest_console *g);
/* The event that is to be posted now: more was typed, or there is room again for who has found
 * none.  0: none. */
u32 guest_console_news(struct guest_console *g);
