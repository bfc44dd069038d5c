/* Guest memory that is mapped at its first access: guest key `touch`. */
#pragma once
#include "vmm/vm.h"

/* Maps the page of RAM at gpa.  E_RANGE: not RAM; E_EXIST: it is mapped; E_NOMEM: no page for a
 * table. */
err_t vm_touch(struct vm *vm, gpa_t gpa);
