/* The exit handlers, one file per family.  Each is a plain function of the vCPU's state
 * and the exit: none executes VMREAD. */
#pragma once
#include "vmm/policy/exit.h"

/* on_insn.c */
enum verdict on_cpuid(struct vcpu *v, const struct exit *x);
enum verdict on_hlt(struct vcpu *v, const struct exit *x);
enum verdict on_vmcall(struct vcpu *v, const struct exit *x);
enum verdict on_rdmsr(struct vcpu *v, const struct exit *x);
enum verdict on_wrmsr(struct vcpu *v, const struct exit *x);
enum verdict on_xsetbv(struct vcpu *v, const struct exit *x);
enum verdict skip_insn(struct vcpu *v, const struct exit *x);
enum verdict refuse_ud(struct vcpu *v, const struct exit *x);
enum verdict refuse_gp(struct vcpu *v, const struct exit *x);
enum verdict stop_guest(struct vcpu *v, const struct exit *x);

/* on_cr.c */
enum verdict on_cr_access(struct vcpu *v, const struct exit *x);

/* on_io.c */
enum verdict on_io(struct vcpu *v, const struct exit *x);

/* on_mmio.c */
enum verdict on_ept_violation(struct vcpu *v, const struct exit *x);
enum verdict on_ept_misconfig(struct vcpu *v, const struct exit *x);

enum verdict on_apic_access(struct vcpu *v, const struct exit *x);

/* on_task.c */
enum verdict on_task_switch(struct vcpu *v, const struct exit *x);

/* on_apic.c */
enum verdict on_virtualized_eoi(struct vcpu *v, const struct exit *x);
enum verdict on_apic_write(struct vcpu *v, const struct exit *x);

/* on_event.c */
enum verdict on_exception(struct vcpu *v, const struct exit *x);
enum verdict on_host_irq(struct vcpu *v, const struct exit *x);
enum verdict on_window(struct vcpu *v, const struct exit *x);
enum verdict on_timer(struct vcpu *v, const struct exit *x);
enum verdict on_pause(struct vcpu *v, const struct exit *x);
enum verdict on_host_init(struct vcpu *v, const struct exit *x);
enum verdict on_machine_check(struct vcpu *v, const struct exit *x);
