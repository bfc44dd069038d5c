/* The loop: enter, exit, decide. */
#pragma once

struct vm;

/* Runs the guest until it ends; vm->end says how. */
void vm_run(struct vm *vm);
