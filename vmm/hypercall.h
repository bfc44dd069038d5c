/* The hypercall gate: number -> right -> handler. */
#pragma once
#include "lib/types.h"

struct vm;

struct hc_args {
    u64 a[4];
};

/* ABI_* or a call's own result. */
i64 hypercall(struct vm *vm, u64 number, const struct hc_args *args);
