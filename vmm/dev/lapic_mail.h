/* A local APIC's mailbox: where other CPUs leave interrupts for it, without a lock and without
 * waiting.  Like a posted-interrupt descriptor (SDM Vol. 3C, "Posted-Interrupt Processing"), with a
 * second bitmap for level-triggered ones and with NMI, INIT, STARTUP and ExtINT beside.
 * Owner: the local APIC's CPU takes, any CPU posts.  Pure. */
#pragma once
#include "lib/types.h"
#include "vmm/dev/lapic.h"

struct lapic_mail {
    u64 pir[4];   /* edge-triggered: bit n of the whole is vector n */
    u64 level[4]; /* level-triggered; a set of its own, so that neither needs the other's moment */
    /* Below: what changes as one.  A cache line of its own: the owner looks at it often. */
    _Alignas(64) u32 flags;
};
_Static_assert(sizeof(struct lapic_mail) == 128, "two cache lines");

/* True: the owner has to be told, since it was not yet.  A message without a place here (an SMI) is
 * dropped.  Whether the message is for the owner is the caller's business. */
bool mail_post(struct lapic_mail *mail, const struct apic_message *m);
/* Moves all of it into the owner's local APIC; false: there was nothing. */
bool mail_take(struct lapic_mail *mail, struct lapic *l);
