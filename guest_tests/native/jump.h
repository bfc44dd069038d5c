/* The first state of a guest that is started on the bare machine; jump.asm knows the layout. */
#pragma once
#include "lib/types.h"

struct native_jump {
    u64 rip, rsp, rax, rbx, rsi, rdi;
    u64 cr3; /* 0: 32-bit protected mode without paging, else long mode */
    u64 tsc; /* what the guest's first RDTSC is to find, about */
    u16 pad[3];
    u16 gdt_limit; /* GDTR: at 70, 10 bytes */
    u64 gdt_base;
    u8 stack[256];
} PACKED;

_Static_assert(offsetof(struct native_jump, gdt_limit) == 70, "jump.asm");
_Static_assert(sizeof(struct native_jump) == 336, "jump.asm");

/* Position-independent; runs identity-mapped, below 4 GiB, with `jump` a physical address. */
NORETURN void native_jump(const struct native_jump *jump);
