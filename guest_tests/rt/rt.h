/* Between the files of the run-time; tests do not include this. */
#pragma once
#include "guest_tests/rt/guest.h"

extern const u64 isr_table[256];
extern const u64 gdt[];

void trap_init(void);
void trap_load(void);      /* the IDT, on this processor */
void trap_forget(u32 cpu); /* its catch points: it begins anew */
void paging_init(void);
void console_init(void);
void rt_trap(struct frame *f);
NORETURN void catch_return(struct catch_point *point);
NORETURN void rt_main(const struct flat_start *start);
