/* Interrupts of the machine's devices as events of the control partition.  Each masks its line
 * until the control partition has dealt with it. */
#pragma once
#include "lib/types.h"

/* Its interrupts come to the CPU `cpu`; mode: enum ioapic_mode.  E_PERM: not one of its lines;
 * E_INVAL: no such mode; E_EXIST: bound. */
err_t device_irq_bind(u64 line, u64 port, u64 mode, u32 cpu);
/* E_NOENT: not bound. */
err_t device_irq_done(u64 line);
/* The control partition is gone. */
void device_irq_drop_all(void);
