/* Guest memory that is mapped at its first access: guest key `touch`. */
#pragma once
#include "vmm/vm.h"

/* Maps the page of RAM at gpa.  E_RANGE: not RAM; E_EXIST: it is mapped, and not by another vCPU;
 * E_NOMEM: no page for a table. */
err_t vm_touch(struct vcpu *v, gpa_t gpa);
