/* Floating-point and vector registers across context switches: several processes, each
 * with its own values, give up the CPU again and again and must find their values
 * unchanged. */
#include "check.h"
#include <cpuid.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PROCESSES 4
#define YIELDS    2000l
#define ROUNDS    5

#define XCR0_YMM  0x06u /* SSE and AVX state */
#define XCR0_ZMM  0xe6u /* and opmask, upper halves, upper registers */

/* ---------------------------------------------------------------- x87 and SSE arithmetic */

/* The same sum in SSE2 (double) and x87 (long double); the result depends on `index`. */
static void series(int index, bool yielding, double *sse, long double *x87)
{
    *sse = 0;
    *x87 = 0;
    for (int i = 1; i <= 4000; i++) {
        *sse += 1.0 / (i + index);
        *x87 += 1.0L / ((long double)i * i + index);
        if (yielding && i % 8 == 0)
            sched_yield();
    }
}

static double want_sse[PROCESSES];
static long double want_x87[PROCESSES];

bool series_holds(int index)
{
    double sse;
    long double x87;

    series(index, true, &sse, &x87);
    return sse == want_sse[index] && x87 == want_x87[index];
}

bool check_float(char note[NOTE_SIZE])
{
    for (int i = 0; i < PROCESSES; i++)
        series(i, false, &want_sse[i], &want_x87[i]);

    const bool good = in_processes(PROCESSES, series_holds);

    snprintf(note, NOTE_SIZE, "%d processes with SSE2 and x87 sums, first %.12f and %.12Lf",
             PROCESSES, want_sse[0], want_x87[0]);
    return good;
}

/* ---------------------------------------------------------------- vector registers */

/* All registers are loaded, the CPU is given up `yields` times, all are stored: in one
 * asm, so that no compiled code touches them in between. */
#define YIELD_LOOP                                                                                 \
    "1: mov %[call], %%eax\n\t"                                                                    \
    "syscall\n\t"                                                                                  \
    "dec %[n]\n\t"                                                                                 \
    "jnz 1b\n\t"
#define YIELD_OPERANDS [call] "i"(24 /* sched_yield */), [in] "r"(in), [out] "r"(out)

#define VECTOR_CLOBBERS                                                                            \
    "rax", "rcx", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",   \
        "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

#define EACH_16(op)                                                                                \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) \
        op(15)
#define EACH_32(op)                                                                                \
    EACH_16(op)                                                                                    \
    op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25) op(26) op(27) op(28)     \
        op(29) op(30) op(31)
#define LOAD_X(i)  "movups 16*" #i "(%[in]), %%xmm" #i "\n\t"
#define STORE_X(i) "movups %%xmm" #i ", 16*" #i "(%[out])\n\t"
#define LOAD_Y(i)  "vmovups 32*" #i "(%[in]), %%ymm" #i "\n\t"
#define STORE_Y(i) "vmovups %%ymm" #i ", 32*" #i "(%[out])\n\t"
#define LOAD_Z(i)  "vmovups 64*" #i "(%[in]), %%zmm" #i "\n\t"
#define STORE_Z(i) "vmovups %%zmm" #i ", 64*" #i "(%[out])\n\t"

static void hold_xmm(const uint8_t *in, uint8_t *out)
{
    long n = YIELDS;

    __asm__ volatile(EACH_16(LOAD_X) YIELD_LOOP EACH_16(STORE_X)
                     : [n] "+r"(n)
                     : YIELD_OPERANDS
                     : VECTOR_CLOBBERS);
}

static void hold_ymm(const uint8_t *in, uint8_t *out)
{
    long n = YIELDS;

    __asm__ volatile(EACH_16(LOAD_Y) YIELD_LOOP EACH_16(STORE_Y) "vzeroupper"
                     : [n] "+r"(n)
                     : YIELD_OPERANDS
                     : VECTOR_CLOBBERS);
}

/* k1 takes the low 16 bits of the pattern, too: AVX512F has 16-bit mask moves. */
static void hold_zmm(const uint8_t *in, uint8_t *out)
{
    long n = YIELDS;

    __asm__ volatile("kmovw (%[in]), %%k1\n\t" EACH_32(LOAD_Z)
                         YIELD_LOOP EACH_32(STORE_Z) "kmovw %%k1, (%[out])\n\tvzeroupper"
                     : [n] "+r"(n)
                     : YIELD_OPERANDS
                     : VECTOR_CLOBBERS);
}

struct vector_kind {
    const char *name;
    void (*hold)(const uint8_t *in, uint8_t *out);
    size_t size; /* bytes of all its registers */
};

static const struct vector_kind kinds[] = {
    {"SSE", hold_xmm, 16 * 16}, {"AVX", hold_ymm, 16 * 32}, {"AVX-512", hold_zmm, 32 * 64}};

static uint64_t xgetbv0(void)
{
    uint32_t low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* The widest kind that the CPU has and the kernel saves. */
static const struct vector_kind *widest_kind(void)
{
    unsigned int a, b, c, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX) ||
        (xgetbv0() & XCR0_YMM) != XCR0_YMM)
        return &kinds[0];
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX512F) ||
        (xgetbv0() & XCR0_ZMM) != XCR0_ZMM)
        return &kinds[1];
    return &kinds[2];
}

bool vectors_hold(int index)
{
    const struct vector_kind *kind = widest_kind();
    uint8_t in[32 * 64], out[32 * 64];

    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < kind->size; i++)
            in[i] = (uint8_t)(i * 7 + (size_t)index * 61 + (size_t)round * 13 + 1);
        memset(out, 0, sizeof(out));
        kind->hold(in, out);
        if (memcmp(in, out, kind->size) != 0)
            return false;
    }
    return true;
}

bool check_vector_state(char note[NOTE_SIZE])
{
    snprintf(note, NOTE_SIZE, "%d processes hold %s registers over %ld yields each", PROCESSES,
             widest_kind()->name, YIELDS * ROUNDS);
    return in_processes(PROCESSES, vectors_hold);
}
