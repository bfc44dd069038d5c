/* The guests of the configuration, by their place in it: their lives, and what can be asked of
 * them.  The boot CPU's, between turns. */
#pragma once
#include "vmm/lives.h"

struct vcpu;
struct vm;

void guests_init(void);
/* Ends what has ended, and begins what is due. */
void guests_control(void);
/* TSC at which that is to be called at the latest; ~0: when something has happened. */
u64 guests_due(void);
/* A vCPU has left its CPU for good.  On that CPU. */
void guests_vcpu_ended(struct vcpu *v);
bool guests_are_over(bool in_monitor);
/* Of the last one of the configuration that lived. */
u32 guests_status(void);

enum life guest_life(u32 n);
/* NULL: it does not live. */
struct vm *guest_vm(u32 n);

/* E_NOENT: it does not live (or is ending); E_EXIST: it is so already. */
err_t guest_start(u32 n);
err_t guest_stop(u32 n);
err_t guest_reset(u32 n);
err_t guest_pause(u32 n);
err_t guest_resume(u32 n);
/* E_RANGE: there is no such vCPU, or no such CPU; E_PERM: its configuration does not allow it. */
err_t guest_move(u32 n, u32 vcpu, u32 cpu);
