/* What can be asked of the guests of the configuration, by their place in it: by the control
 * partition, on any CPU.  What only the boot CPU may do waits for it (guests.h). */
#pragma once
#include "vmm/vm.h"

#define ORDER_NONE 0xffffffffu

/* The guest of a partition's number; what is no guest's gives one that there is not. */
static inline u32 guest_of(u64 partition)
{
    return partition - 1 < CONFIG_GUESTS_MAX ? (u32)partition - 1 : ORDER_NONE;
}

/* E_NOENT: there is no such guest.  E_EXIST: it lives, or is about to. */
err_t order_start(u32 n);
/* One that the control partition has made is to be no more.  E_PERM: it was not. */
err_t order_forget(u32 n);
/* VM_END_KILLED, or VM_END_RESET: its next life begins.  E_NOENT: it does not live, or is ending;
 * so of all others. */
err_t order_end(u32 n, enum vm_end how);
/* E_EXIST: it is so already.  Of resume, E_PERM: it has not begun, and waits for the control
 * partition's devices. */
err_t order_pause(u32 n);
err_t order_resume(u32 n);
/* E_RANGE: there is no such vCPU, or no such CPU; E_PERM: its configuration does not allow it. */
err_t order_move(u32 n, u64 vcpu, u64 cpu);
/* The ACPI power button.  E_PERM: its operating system has not enabled it. */
err_t order_press_power_button(u32 n);
/* Its console comes to the front of its port and of the screen, if it lives or is about to.
 * E_PERM: it has none. */
err_t order_show(u32 n);
/* The control partition's own console leaves the front. */
void order_hide_control(void);

/* For the boot CPU, once each: a guest that somebody wants to begin; ORDER_NONE: no other one. */
u32 orders_to_start(void);
/* Brings to the front what is to be there. */
void orders_show(void);
