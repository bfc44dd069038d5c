/* Telling a virtual CPU something, from any physical CPU. */
#pragma once
#include "lib/atomic.h"
#include "vmm/vcpu.h"

/* From its own CPU, while it has the turn. */
static inline void vcpu_todo(struct vcpu *v, u64 bits)
{
    (void)atomic_or(&v->todo, bits);
}

/* From anywhere: it will see the bits before its next guest instruction, or wake up for them.  If
 * it runs, its CPU is interrupted. */
void vcpu_ask(struct vcpu *v, u64 bits);
/* The same without new bits. */
void vcpu_wake(struct vcpu *v);
/* From its own CPU, while it has the turn: v->turn_ends is earlier than it was. */
void vcpu_end_turn_by(struct vcpu *v);
/* A vCPU that belongs nowhere gets a CPU, and wants to run: one just made ... */
void vcpu_attach(struct vcpu *v, u32 cpu);
/* ... and one taken off another CPU, with the debts that it has there. */
void vcpu_attach_again(struct vcpu *v, u32 cpu);
