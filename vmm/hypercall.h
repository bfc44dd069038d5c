/* The hypercall gate: number -> right -> handler. */
#pragma once
#include "lib/types.h"

struct vm;

struct hc_args {
    u64 a[4];
};

enum hypercall_number {
#define HYPERCALL(number, name, who, args, result) HC_##name = (number),
#include "abi/hypercalls.def"
    HYPERCALLS
};

/* ABI_* or a call's own result. */
i64 hypercall(struct vm *vm, u64 number, const struct hc_args *args);
