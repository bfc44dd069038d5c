/* Fixed-width integers, address types, the error enum: what every file needs. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;
typedef int64_t i64;

/* Address spaces are types: passing one for the other does not compile. */
typedef struct {
    u64 v;
} gpa_t; /* guest-physical */
typedef struct {
    u64 v;
} hpa_t; /* host-physical  */
typedef struct {
    u64 v;
} gva_t; /* guest-linear   */

#define BIT(n)                        (1ull << (n))
#define BIT32(n)                      (1u << (n))
#define ARRAY_LEN(a)                  (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))
#define ALIGN_DOWN(x, a)              ((x) & ~((a)-1))
#define ALIGN_UP(x, a)                ALIGN_DOWN((x) + (a)-1, (a))
#define IS_ALIGNED(x, a)              (((x) & ((a)-1)) == 0)
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

#define KiB                           1024ull
#define MiB                           (1024ull * KiB)
#define GiB                           (1024ull * MiB)
#define PAGE_SIZE                     4096ull
#define LARGE_PAGE_SIZE               (2 * MiB)

#define likely(x)                     __builtin_expect(!!(x), 1)
#define unlikely(x)                   __builtin_expect(!!(x), 0)
#define NORETURN                      __attribute__((noreturn))
#define NOINLINE                      __attribute__((noinline, cold)) /* the rare half of a fast path */
/* Holds a pointer in one register, where the compiler would compute it anew for each member. */
#define COMPILER_KEEP(pointer) __asm__("" : "+r"(pointer))
/* Not zeroed first (-ftrivial-auto-var-init): on a fast path, for what is written as a whole before
 * it is read. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CPPCHECK__)
#define WRITTEN_LATER __attribute__((uninitialized))
#else
#define WRITTEN_LATER
#endif
#define PACKED            __attribute__((packed))
#define UNUSED            __attribute__((unused))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

#if defined(__CPPCHECK__) /* its C parser knows neither form */
#define NODISCARD
#elif defined(__clang__)
#define NODISCARD __attribute__((warn_unused_result))
#else
#define NODISCARD [[nodiscard]]
#endif

/* What every fallible function returns.  Ignoring one is a compile error. */
typedef enum NODISCARD err {
    OK,
    E_NOMEM,  /* no memory of the needed kind or size     */
    E_INVAL,  /* malformed input                          */
    E_RANGE,  /* outside of what exists or is allowed     */
    E_EXIST,  /* already there                            */
    E_NOENT,  /* not there                                */
    E_PERM,   /* no right to                              */
    E_NOTSUP, /* this machine or this image cannot do it  */
    E_IO,     /* a device or the firmware failed          */
} err_t;

#define TRY(expr)                                                                                  \
    do {                                                                                           \
        const err_t try_err_ = (expr);                                                             \
        if (try_err_ != OK)                                                                        \
            return try_err_;                                                                       \
    } while (0)
