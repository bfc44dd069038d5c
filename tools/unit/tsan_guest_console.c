/* The queues of a guest's console with a guest that sends and takes what is typed on one thread,
 * and a reader that takes and types on another, under ThreadSanitizer: an attending reader gets
 * every byte once and in order, and so does the guest. */
#include "lib/atomic.h"
#include "lib/types.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

/* What is read while it changes is judged afterwards: an atomic access for the sanitizer. */
#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x)     __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#include "vmm/guest_console.c"

#define BYTES    400000u
#define TYPED    60000u
#define CHUNK    700u
#define STEP     7u /* from one byte to the next */
#define PATIENCE 50000000u

static struct guest_console console;
static u32 wrong;

/* The guest: all that it wants to say, as room allows, and all that is typed. */
static void *guest(void *unused)
{
    u32 said = 0, heard = 0;

    for (u32 tries = 0; (said < BYTES || heard < TYPED) && tries < PATIENCE; tries++) {
        u8 byte;

        if (said < BYTES && guest_console_room(&console)) {
            guest_console_put(&console, (u8)(said * STEP));
            said++;
        } else {
            sched_yield();
        }
        if (guest_console_get(&console, &byte))
            wrong += byte != (u8)(heard++ * STEP);
    }
    wrong += said != BYTES || heard != TYPED;
    return unused;
}

/* The boot CPU. */
static u32 read_and_type(void)
{
    u32 got = 0, typed = 0, bad = 0, most = 1;

    for (u32 tries = 0; (got < BYTES || typed < TYPED) && tries < PATIENCE; tries++) {
        u8 bytes[CHUNK];
        const u32 count = guest_console_peek(&console, READER_PORT, bytes, most);
        const u32 taken = count / 2 + (count & 1); /* what the port has room for */

        for (u32 i = 0; i < taken; i++)
            bad += bytes[i] != (u8)((got + i) * STEP);
        guest_console_take(&console, READER_PORT, taken);
        got += taken;
        most = most * 5 % CHUNK + 1;
        if (typed < TYPED && guest_console_type(&console, (u8)(typed * STEP)))
            typed++;
        if (!count)
            sched_yield();
    }
    return bad + (got != BYTES) + (typed != TYPED);
}

int main(void)
{
    pthread_t thread;
    u32 bad;

    guest_console_init(&console);
    guest_console_attend(&console, READER_PORT, true);
    if (pthread_create(&thread, NULL, guest, NULL) != 0)
        return 1;
    bad = read_and_type();
    pthread_join(thread, NULL);
    bad += guest_console_has_output(&console, READER_PORT);
    bad += guest_console_has_typed(&console);
    printf("1..1\n%sok 1 - %u wrong for the reader, %u for the guest\n", bad + wrong ? "not " : "",
           bad, wrong);
    return bad + wrong != 0;
}
