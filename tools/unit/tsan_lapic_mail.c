/* A local APIC's mailbox with two posters and one taker at once, under ThreadSanitizer: nothing
 * that is posted gets lost, and the taker needs to look only when it is told.
 *
 * A poster posts a thing again only when the taker has had it, so that what was posted and what
 * came are equal in number.  Both have vectors in each word of the mailbox. */
#include "lib/atomic.h"
#include "lib/types.h"
#include "vmm/dev/lapic_mail.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define POSTERS 2u
#define ROUNDS  60000u
#define TRIES   20000000u /* then something is lost */
#define SPIN    1000u
#define FIRST   16u
#define THINGS  259u /* the vectors, then NMI, ExtINT, STARTUP */

enum { NMI = 256, EXTINT, STARTUP };

/* The mailbox itself, with threads that may change before each step of it: so all orders come up,
 * on one CPU, too. */
static void change_threads(void)
{
    static _Thread_local u32 steps = 1;

    steps = steps * 1664525 + 1013904223;
    if (steps >> 29 == 0)
        sched_yield();
}

#undef atomic_or
#undef atomic_xchg
#undef atomic_cmpxchg
#undef load_acquire
#define atomic_or(p, v)   (change_threads(), __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))
#define atomic_xchg(p, v) (change_threads(), __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#define atomic_cmpxchg(p, expected, v)                                                             \
    (change_threads(),                                                                             \
     __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE))
#define load_acquire(p) (change_threads(), __atomic_load_n((p), __ATOMIC_ACQUIRE))
#ifndef MAIL_C
#define MAIL_C "vmm/dev/lapic_mail.c"
#endif
#include MAIL_C

static struct lapic_mail mail;
static struct lapic lapic;
static u32 told;              /* times that a poster had to tell; the taker's doorbell */
static u32 waiting[THINGS];   /* posted, and did not come yet: who waits for it clears it */
static u32 posted[THINGS];    /* each by its poster alone */
static u32 came[THINGS];      /* by the taker alone */
static u32 done;              /* posters that have ended */
static u32 levels_were_wrong; /* by the taker alone */

static bool is_level(u32 vector)
{
    return vector % 3 == 0;
}

static struct apic_message message(u32 thing)
{
    switch (thing) {
    case NMI: return (struct apic_message){.mode = DELIVER_NMI};
    case EXTINT: return (struct apic_message){.mode = DELIVER_EXTINT};
    case STARTUP: return (struct apic_message){.mode = DELIVER_STARTUP, .vector = 0x9a};
    default: return (struct apic_message){.vector = (u8)thing, .level = is_level(thing)};
    }
}

static void *poster(void *arg)
{
    const u32 me = (u32)(u64)arg;
    u32 seed = 2463534242u + me;

    for (u32 n = 0, tries = 0, idle = 0; n < ROUNDS && tries < TRIES; tries++) {
        seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
        const u32 thing = FIRST + seed % (THINGS - FIRST);

        if (thing % POSTERS != me || load_acquire(&waiting[thing])) {
            if (++idle % SPIN == 0)
                sched_yield();
            continue;
        }
        store_release(&waiting[thing], 1);
        posted[thing]++;
        n++;
        const struct apic_message m = message(thing);
        if (mail_post(&mail, &m))
            atomic_add(&told, 1);
        while (seed >> 31 && load_acquire(&waiting[thing]) && tries++ < TRIES) {
        } /* a bell that did not ring is not rung by what comes next */
    }
    atomic_add(&done, 1);
    return NULL;
}

static void note(u32 thing)
{
    came[thing]++;
    store_release(&waiting[thing], 0);
}

static void look(void)
{
    (void)mail_take(&mail, &lapic);
    for (u32 v = FIRST; v < 256; v++) {
        if (!(lapic.irr[v / 64] >> v % 64 & 1))
            continue;
        levels_were_wrong += (lapic.tmr[v / 64] >> v % 64 & 1) != is_level(v);
        lapic.irr[v / 64] &= ~BIT(v % 64);
        note(v);
    }
    if (lapic.nmi)
        lapic.nmi = false, note(NMI);
    if (lapic.extint)
        lapic.extint = false, note(EXTINT);
    if (lapic.sipi) {
        levels_were_wrong += lapic.sipi_vector != 0x9a;
        lapic.sipi = false, note(STARTUP);
    }
}

/* Looks once for each time it was told, and never without. */
static void *taker(void *arg)
{
    u32 seen = 0, idle = 0;

    (void)arg;
    for (;;) {
        const bool last = load_acquire(&done) == POSTERS;
        const u32 now = load_acquire(&told);

        if (now != seen) {
            seen = now;
            look();
        } else if (last) {
            return NULL;
        } else if (++idle % SPIN == 0) {
            sched_yield();
        }
    }
}

int main(void)
{
    pthread_t threads[POSTERS + 1];
    u32 lost = 0, total = 0;

    lapic_reset(&lapic, 0);
    for (u32 i = 0; i < POSTERS; i++)
        if (pthread_create(&threads[i], NULL, poster, (void *)(u64)i) != 0)
            return 2;
    if (pthread_create(&threads[POSTERS], NULL, taker, NULL) != 0)
        return 2;
    for (u32 i = 0; i <= POSTERS; i++)
        (void)pthread_join(threads[i], NULL);
    for (u32 i = FIRST; i < THINGS; i++) {
        lost += posted[i] != came[i];
        total += came[i];
    }
    printf("1..1\n%sok 1 - %u posted, %u came, %u things differ, %u wrong\n",
           lost || levels_were_wrong || total != POSTERS * ROUNDS ? "not " : "", POSTERS * ROUNDS,
           total, lost, levels_were_wrong);
    return lost || levels_were_wrong || total != POSTERS * ROUNDS;
}
