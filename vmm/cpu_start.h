/* What each CPU needs before it can run guests, and how the others than the boot CPU get it. */
#pragma once
#include "acpi_info.h"
#include "boot_info.h"
#include "vmm/percpu.h"

/* This CPU's block, zeroed, of which the trace ring is started; says where it lies. */
void cpu_trace_start(struct vmm_cpu *block);
/* VMX operation and mitigations.  The errors of vmx_cpu_enable(), and E_NOMEM. */
err_t cpu_vmx_start(const struct boot_info *info);
/* Starts the other CPUs, which then idle; those that `acpi` lists. */
void cpu_start_others(const struct acpi_info *acpi);
