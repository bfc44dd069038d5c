/* Our own fault: stop everything with a readable record. Ends with the line
 * "LINTEL-EXIT status=126" on every console, then the registered end hook
 * (power off if so configured), then halt. */
#pragma once
#include "lib/types.h"

struct trap_frame;

NORETURN void panic(const char *format, ...) PRINTF_LIKE(1, 2);
NORETURN void panic_at(const struct trap_frame *frame, const char *format, ...) PRINTF_LIKE(2, 3);

/* Upper layers add to the record (the last trace records, the current vCPU) and end the machine. */
void panic_set_hooks(void (*dump)(void), void (*end)(void));
/* With several CPUs: sends all others an NMI, and returns how many were sent. */
void panic_set_stop(u32 (*stop)(void));
/* For the NMI's handler: does not return while another CPU panics. */
void panic_stop_here(void);

#define assert(cond)                                                                               \
    do {                                                                                           \
        if (unlikely(!(cond)))                                                                     \
            panic("assertion failed: %s (%s:%d)", #cond, __FILE__, __LINE__);                      \
    } while (0)
