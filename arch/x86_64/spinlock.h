/* A ticket lock: CPUs get it in the order in which they ask.  Taken with IF=0 and never by an NMI's
 * handler, so that its holder cannot be interrupted by somebody who wants it; nothing is held
 * across an entry into a guest.  Order: hostmem's, then the log's (arch/x86_64/log.c). */
#pragma once
#include "arch/x86_64/insn.h"
#include "lib/atomic.h"
#include "lib/types.h"

/* Zeroed: free. */
struct spinlock {
    u32 next;    /* ticket of who asks next */
    u32 serving; /* ticket of the holder */
};

static inline void spin_lock(struct spinlock *l)
{
    const u32 ticket = atomic_add(&l->next, 1u);

    while (unlikely(load_acquire(&l->serving) != ticket))
        cpu_pause();
}

static inline void spin_unlock(struct spinlock *l)
{
    /* One instruction: nobody else writes it, and stores stay in order. */
    __asm__ volatile("incl %0" : "+m"(l->serving) : : "cc", "memory");
}
