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
/* What a VM exit for an external interrupt calls: runs the vector's handler as the processor
 * would have (including the EOI). */
void trap_dispatch(u8 vector);

/* An NMI that came as a VM exit: taken through the IDT, whose IRET ends blocking by NMI.
 * SDM Vol. 3C, "Blocking by NMI" in "Loading Host State". */
#ifdef HOST_TEST
void trap_take_nmi(void); /* tools/unit/fake_cpu.c */
#else
static inline void trap_take_nmi(void)
{
    __asm__ volatile("int $2" : : : "memory");
}
#endif
