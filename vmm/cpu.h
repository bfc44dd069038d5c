/* The loop of a physical CPU: take the vCPU whose turn it is, run it until it cannot or must not go
 * on, ask again; sleep if nobody wants to run. */
#pragma once
#include "lib/types.h"

struct vcpu;

/* What those above do between turns. */
struct cpu_duties {
    void (*between)(u64 todo);     /* enum cpu_todo of this CPU, since the last time */
    u64 (*due)(void);              /* TSC by which it has to be called again; ~0: never */
    void (*ended)(struct vcpu *v); /* nothing of it is left on this CPU: its guest has ended */
};

/* For ever. */
NORETURN void cpu_loop(const struct cpu_duties *duties);
