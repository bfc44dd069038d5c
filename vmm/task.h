/* The second half of a task switch: the new task's state, and the faults of loading it, which are
 * that task's.  SDM Vol. 3A, "Task Switching", table "Exception Conditions Checked During a Task
 * Switch". */
#pragma once
#include "vmm/tss.h"
#include "vmm/vcpu.h"

/* Up to TSS_BYTES_MAX bytes at a linear address, found in guest memory before they are used: they
 * may lie in two pages. */
struct task_span {
    gpa_t gpa[2];
    u32 first; /* bytes in the first page */
};

/* A switch on its way.  What it does to the guest it does by E_PERM: an exception was raised. */
struct task_switch {
    struct vcpu *v;
    const struct exit *x;
    u8 source; /* enum qual_task_source */
    u16 selector;
    u32 ext; /* 1: EXT of the error codes */
    struct segment tss;
    const struct tss_layout *from, *to;
    struct task_span old_state, new_state, old_busy, new_busy;
};

/* access: GVA_WRITE or 0.  E_PERM; E_RANGE, E_IO: it is not RAM. */
err_t task_find(const struct task_switch *t, u32 linear, u32 len, u32 access,
                struct task_span *span);
err_t task_read(const struct task_switch *t, const struct task_span *span, void *out, u32 len);
err_t task_write(const struct task_switch *t, const struct task_span *span, const void *from,
                 u32 len);

/* An exception of the switch; merged with the one whose delivery switches, by the rules of double
 * faults. */
void task_raise(const struct task_switch *t, u8 vector, u32 error);

static inline err_t task_fault(const struct task_switch *t, u8 vector, u32 error)
{
    task_raise(t, vector, error);
    return E_PERM;
}

/* From the new task's state on: registers, segments, the error code that was to be delivered. */
err_t task_load(const struct task_switch *t, const struct tss_state *state);
