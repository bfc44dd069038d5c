/* The hypercall gate: number -> right -> handler. */
#pragma once
#include "abi/hypercall.h"
#include "lib/types.h"

struct vcpu;

struct hc_args {
    u64 a[4];
};

/* The handlers, one for each line: vmm/hypercall.c, vmm/hc_*.c. */
#define HYPERCALL(number, name, who, argc, args, result, text)                                     \
    i64 hc_##name(struct vcpu *v, const struct hc_args *given);
#include "abi/hypercalls.def"

/* An error as callers know it; E_RANGE and what has no number of its own: ABI_EINVAL. */
i64 hc_result(err_t err);

/* ABI_* or a call's own result. */
i64 hypercall(struct vcpu *v, u64 number, const struct hc_args *args);
