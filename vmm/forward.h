/* Accesses of a guest that the control partition answers.  An access in a claimed range becomes a
 * request in the virtual CPU's slot, and the exit's handler is done with RESUME: the virtual CPU
 * leaves its CPU (LEAVE_WAITS).  When the reply is there, the handler runs once more and finds it
 * in the log of the instruction's forwarded accesses; so a handler need not know how far an
 * instruction with several of them has come. */
#pragma once
#include "abi/control.h"
#include "lib/types.h"
#include "vmm/served.h"
#include "vmx/exit.h"

struct vcpu;
struct vm;

#define FORWARD_LOG 4u /* MOVS between two claimed ranges, each operand over a page's end */

struct forwarded_access {
    u64 address, value;
    u32 bytes;
    u8 space;
    bool write;
};

/* Of a virtual CPU.  Its own, but what is marked. */
struct forward {
    struct exit exit;           /* the one that waits */
    bool waiting;               /* `exit` is kept */
    bool is_port;               /* `exit` is no string instruction's IN or OUT */
    u32 replied;                /* `value` is the reply; written by the control partition's CPU */
    u64 value;                  /* with `replied` */
    struct forwarded_access at; /* what it waits for */
    u64 exits;                  /* to which the log belongs */
    u32 done, used;             /* of the log; `used`: by this run of the handler */
    struct forwarded_access log[FORWARD_LOG];
};

enum forwarded {
    FORWARD_NOBODY, /* no claim */
    FORWARD_DONE,   /* *value is what was read */
    FORWARD_WAIT,   /* the handler has to end with RESUME */
};

/* An access of 1, 2, 4 or 8 bytes.  *value: what is written, or where to put what is read. */
enum forwarded forward_access(struct vcpu *v, enum abi_space space, u64 address, u32 bytes,
                              bool write, u64 *value);
/* Of a bell that has lost its place to another, or asks for a width or a value. */
NOINLINE u32 forward_bell_elsewhere(const struct served *s, u32 space, u64 address, u32 bytes,
                                    const u64 *value);

/* The event of the doorbell that a write rings; 0: it rings none.  bytes 0, value NULL: not known,
 * and so none that asks for it.  Inline: a fifth of what a doorbell takes would be the calls. */
static inline u32 forward_bell(const struct served *s, enum abi_space space, u64 address, u32 bytes,
                               const u64 *value)
{
    const struct served_bell *b = &s->bell[served_bell_place(address)];
    const u32 there = load_acquire(&b->space);

    if (there == 0)
        return 0;
    if (there != space || b->address != address || b->bytes != 0)
        return forward_bell_elsewhere(s, space, address, bytes, value);
    return READ_ONCE(b->port);
}

/* How many exits that can have a log have been counted: the number of the one at hand. */
u64 forward_exits(const struct vcpu *v);

/* Its virtual CPU has left, or is about to, over the exit x (NULL: it has left before).  True: the
 * reply has come, and the exit has been dealt with. */
bool forward_finish(struct vcpu *v, const struct exit *x);
