/* What stands under the control partition's code: what the microkernel told, log, time, and the
 * ways in which it ends. */
#pragma once
#include "abi/control.h"
#include "abi/hypercall.h"
#include "control/said.h"
#include "lib/types.h"

/* The info page; it stays where it is. */
extern volatile struct abi_info *info;

/* From the first page of its memory; catches exceptions from here on. */
void rt_init(volatile struct abi_info *at);

/* The physical address, which is the guest-physical one, of something in the image; what the
 * allocator gives out has it as its pointer. */
u64 rt_physical(const volatile void *p);

/* One line of Lintel's log, cut off at 199 characters. */
NOINLINE void say(const char *format, ...) PRINTF_LIKE(1, 2);

/* What is said goes there, too. */
void rt_keep(struct said *said);

/* TSC. */
u64 time_now(void);
u64 time_ms(u64 ms);

/* For whoever works for long or waits for a device, away from the loop: tells the microkernel every
 * now and then that the control partition lives. */
void rt_alive(void);
/* What has come while nobody but rt_alive() waited, ABI_NEWS_*; the loop's. */
u64 rt_missed(void);

/* Says why, and ends: the microkernel starts the control partition anew. */
NOINLINE NORETURN void die(const char *why);
