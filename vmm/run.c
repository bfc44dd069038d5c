/* The run loop: one vCPU on this CPU, until it leaves.  What must happen before an
 * entry is one word (vcpu.todo); when it is 0, the way from exit to entry is exit_read(),
 * exit_handle() and vmx_run(). */
#include "vmm/run.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/percpu.h"
#include "vmm/measure.h"
#include "vmm/policy/exit.h"
#include "vmm/pv.h"
#include "vmm/record.h"
#include "vmm/todo.h"
#include "vmm/vm_end.h"
#include "vmm/wake.h"
#include "vmx/enter.h"

/* No instruction of the guest ran.  Which rule of the manual its state breaks the log's reader
 * finds out: none of that needs to run here. */
static NOINLINE void entry_failed(struct vcpu *v, enum vmx_result result, const struct exit *x)
{
    if (result == VMX_ENTRY_REFUSED)
        log_error("vm %u: VM entry refused: %s, qualification %llu", v->vm->id,
                  exit_reason_name(x->reason), (unsigned long long)x->qual);
    else
        log_error("vm %u: VM entry failed, VM-instruction error %u", v->vm->id,
                  result == VMX_FAIL_VALID ? vmx_instruction_error() : 0);
    vmx_dump(this_cpu()->id);
    log_error("vm %u: which rules this VMCS breaks: make explain LOG=<a file with this log>",
              v->vm->id);
    vm_stop(v, x, "its state cannot be entered");
}

static NOINLINE void no_exit(struct vcpu *v, u64 result, const struct exit *x)
{
    if (result == EXIT_REASONS + VMX_EXIT_UNKNOWN)
        exit_refuse(v, x);
    else
        entry_failed(v, (enum vmx_result)(result - EXIT_REASONS), x);
}

/* Reads of the VMCS what the row asks for, the frequent cases first. */
static inline __attribute__((always_inline)) void read_exit(struct exit *x, u64 reason,
                                                            struct trace_record *r)
{
    if (likely(exit_needs[reason] == NEED_LEN)) {
        vmx_read_exit_len(x);
        return;
    }
    COMPILER_KEEP(
        reason); /* so that the test above is one instruction: the rest looks it up anew */
    const u32 needs = exit_needs[reason];

    if (needs == 0)
        return;
    if (needs == NEED_IO) {
        vmx_read_exit_io(x);
    } else {
        x->qual = 0;
        vmx_read_exit(x, needs);
    }
    r->c = x->qual;
}

/* Since it left its CPU: asleep, or waiting for its turn. */
static void account_absence(struct vcpu *v, u64 now)
{
    struct exit_stats *s = v->stats;

    if (s->start == 0) {
        s->start = now;
    } else if (v->leave == LEAVE_ASLEEP || v->leave == LEAVE_WAITS) {
        s->waiting += now - v->left;
        vm_vcpu_alive(v); /* nobody but who sleeps is taken for dead */
    } else {
        s->stolen += now - v->left;
        pv_steal_update(v, now - v->left);
        pv_set_preempted(v, false);
    }
}

static void begin_turn(struct vcpu *v, struct exit *x)
{
    const u64 now = rdtsc();

    account_absence(v, now);
    vcpu_todo(v, TODO_TURN);
    v->leave = LEAVE_ENDED;
    x->tsc = now;
    record_start(v);
}

static void end_turn(struct vcpu *v)
{
    if (v->leave == LEAVE_TURN_OVER || v->leave == LEAVE_YIELD)
        pv_set_preempted(v, true);
    if (unlikely(v->nmi_in_service))
        v->nmi_in_service = gs_get(&v->vmx.guest, GS_INTERRUPTIBILITY) & VCPU_BLOCKED_BY_NMI;
    v->left = rdtsc();
    if (v->leave == LEAVE_ENDED)
        v->stats->end = v->left;
}

/* v has left: the next one that can be entered; NULL: there is none, and *last is who left last. */
static NOINLINE struct vcpu *change(struct vcpu *v, vcpu_next *next, struct exit *x,
                                    struct vcpu **last)
{
    do {
        end_turn(v);
        *last = v;
        v = next(v);
        if (!v)
            return NULL;
        begin_turn(v, x);
    } while (!vcpu_prepare(v, x));
    record_entry(v);
    return v;
}

/* Without a frame pointer (Makefile): a backtrace ends here, where every backtrace of a handler
 * ends. */
static __attribute__((noinline)) struct vcpu *run(struct vcpu *v, vcpu_next *next)
{
    struct vcpu *last;
    struct exit x;

    begin_turn(v, &x);
    if (vcpu_prepare(v, &x))
        record_entry(v);
    else
        v = change(v, next, &x, &last);
    while (v) {
        struct vmx_vcpu *vmx = &v->vmx;
        const u64 reason = vmx_run(&vmx, &x);

        v = CONTAINER_OF(vmx, struct vcpu, vmx);

        if (unlikely(reason >= EXIT_REASONS)) {
            no_exit(v, reason, &x);
            v = change(v, next, &x, &last);
            continue;
        }
        struct trace_record *record = measure_exit(v, &x, reason);

        read_exit(&x, reason, record);
        record_exit(v, &x);
        if (unlikely(exit_handle(v, exit_handlers[reason], &x)) && !vcpu_prepare(v, &x)) {
            record_entry(v);
            measure_entry(v, record, &x, reason);
            v = change(v, next, &x, &last);
            continue;
        }
        record_entry(v);
        measure_entry(v, record, &x, reason);
    }
    vmx_fill_rsb();
    return last;
}

struct vcpu *vcpu_run(struct vcpu *v, vcpu_next *next)
{
    return run(v, next);
}
