/* The guests of the configuration, by their place in it: their lives.  The boot CPU's, between
 * turns; what can be asked of them, from elsewhere, too, is vmm/orders.h. */
#pragma once
#include "vmm/lives.h"

struct vcpu;
struct vm;

void guests_init(void);
/* One that does not live is to begin at the next guests_control(). */
void guests_start(u32 n);
/* Ends what has ended, and begins what is due. */
void guests_control(void);
/* TSC at which that is to be called at the latest; ~0: when something has happened. */
u64 guests_due(void);
/* A vCPU has left its CPU for good.  On that CPU. */
void guests_vcpu_ended(struct vcpu *v);
/* watched: somebody is at the control partition's shell. */
bool guests_are_over(bool watched);
/* Of the last one of the configuration that lived. */
u32 guests_status(void);

/* On any CPU. */
enum life guest_life(u32 n);
/* NULL: it does not live. */
struct vm *guest_vm(u32 n);
