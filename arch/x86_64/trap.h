/* Host exceptions, NMIs and interrupts.  256 vectors, one frame, one table. */
#pragma once
#include "lib/types.h"

struct trap_frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    u64 vector, error;
    u64 rip, cs, rflags, rsp, ss;
};

void trap_init(void); /* loads the IDT on this CPU */
/* Registered from above; called with IF=0 and after the EOI for device vectors (>= 32). */
void trap_set_handler(u8 vector, void (*handler)(void));
/* What a VM exit for an external interrupt or NMI calls: runs the vector's handler as the
 * processor would have (including the EOI). */
void trap_dispatch(u8 vector);
