/* A guest's side of the hypercalls: their numbers, and a function abi_NAME() for each line of
 * hypercalls.def.  At CPL 0; each gives ABI_* or the call's own result.  Arguments that a call does
 * not have are not passed. */
#pragma once
#include "abi/errors.h"
#include "lib/types.h"

enum hypercall_number {
#define HYPERCALL(number, name, who, argc, args, result, text) HC_##name = (number),
#include "abi/hypercalls.def"
    HYPERCALLS
};

static inline i64 abi_call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
    register u64 r10 __asm__("r10") = d;
    u64 result = number;

    __asm__ volatile("vmcall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10) : "memory", "cc");
    return (i64)result;
}

#define ABI_PARAMS_0 void
#define ABI_PARAMS_1 u64 a
#define ABI_PARAMS_2 u64 a, u64 b
#define ABI_PARAMS_3 u64 a, u64 b, u64 c
#define ABI_PARAMS_4 u64 a, u64 b, u64 c, u64 d
#define ABI_ARGS_0   0, 0, 0, 0
#define ABI_ARGS_1   a, 0, 0, 0
#define ABI_ARGS_2   a, b, 0, 0
#define ABI_ARGS_3   a, b, c, 0
#define ABI_ARGS_4   a, b, c, d
#define HYPERCALL(number, name, who, argc, args, result, text)                                     \
    static inline UNUSED i64 abi_##name(ABI_PARAMS_##argc)                                         \
    {                                                                                              \
        return abi_call(number, ABI_ARGS_##argc);                                                  \
    }
#include "abi/hypercalls.def"
