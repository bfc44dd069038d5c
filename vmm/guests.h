/* The guests by their place in the configuration, those of lintel.conf and behind them those that
 * the control partition makes: their lives.  The boot CPU's, between turns; what can be asked of
 * them, from elsewhere, too, is vmm/orders.h. */
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

/* On the control partition's CPU: a place for a guest that it makes, LIVES_NONE: there is none;
 * the guest is there, LIFE_HELD, when its place in the configuration is complete. */
u32 guests_place(void);
void guests_add(u32 n);

/* On any CPU. */
/* One that was made ends, if it lives, and has its place no longer, soon. */
void guests_forget(u32 n);
/* LIFE_NONE: there is none. */
enum life guest_life(u32 n);
/* NULL: it does not live. */
struct vm *guest_vm(u32 n);
