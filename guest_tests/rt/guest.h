/* The test framework: what a file of tests includes.  A test is a GUEST_TEST() with
 * EXPECT_*() in it; results go out as TAP on COM1, the number of failed tests to
 * the debug-exit port.  Tests run in the order of their file, in 64-bit mode at CPL 0,
 * on processor 0 with interrupts off, the PICs masked and all of memory below 4 GiB
 * identity-mapped.  rt/smp.h has the other processors. */
#pragma once
#include "abi/flat.h"
#include "guest_tests/rt/cpu.h"
#include "lib/fmt.h"
#include "lib/mem.h"
#include "lib/types.h"

/* ---- tests ---- */
struct guest_test {
    const char *name;
    void (*run)(void);
};

#define GUEST_TEST(name)                                                                           \
    static void test_##name(void);                                                                 \
    static const struct guest_test entry_##name                                                    \
        __attribute__((used, section(".guest_tests"), aligned(8))) = {#name, test_##name};         \
    static void test_##name(void)

/* ---- expectations: each prints where it failed, and the test goes on ---- */
#define EXPECT_TRUE(cond)  expect_true((cond), __FILE__, __LINE__, #cond)
#define EXPECT_FALSE(cond) expect_true(!(cond), __FILE__, __LINE__, "not " #cond)
#define EXPECT_EQ(a, b)    expect_equal((u64)(a), (u64)(b), true, __FILE__, __LINE__, #a " == " #b)
#define EXPECT_NE(a, b)    expect_equal((u64)(a), (u64)(b), false, __FILE__, __LINE__, #a " != " #b)
#define FAIL(...)          test_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(reason)                                                                               \
    do {                                                                                           \
        test_skip(reason);                                                                         \
        return;                                                                                    \
    } while (0)

bool expect_true(bool ok, const char *file, int line, const char *what);
bool expect_equal(u64 a, u64 b, bool equal, const char *file, int line, const char *what);
void test_fail(const char *file, int line, const char *format, ...) PRINTF_LIKE(3, 4);
void test_skip(const char *reason);

/* ---- faults ---- */
enum vector {
    VEC_DE = 0,
    VEC_DB = 1,
    VEC_NMI = 2,
    VEC_BP = 3,
    VEC_OF = 4,
    VEC_BR = 5,
    VEC_UD = 6,
    VEC_NM = 7,
    VEC_DF = 8,
    VEC_TS = 10,
    VEC_NP = 11,
    VEC_SS = 12,
    VEC_GP = 13,
    VEC_PF = 14,
    VEC_MF = 16,
    VEC_AC = 17,
    VEC_MC = 18,
    VEC_XM = 19,
    VEC_IRQ0 = 0x20,
    VEC_IRQ8 = 0x28,
    VEC_USER_DONE = 0x81,
    VEC_NONE = 256
};

/* The interrupted context; rt/isr.asm pushes it. A handler may change it. */
struct frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    u64 vector, error; /* error: 0 where the vector has none */
    u64 rip, cs, rflags, rsp, ss;
};

/* The last fault that this processor caught. */
struct caught {
    u32 vector; /* VEC_NONE: there was none */
    u64 error, rip, cr2;
};
#define fault (*fault_here())
struct caught *fault_here(void);

/* A place to return to when something faults; each processor's form a list. */
struct catch_point {
    u64 rbx, rbp, r12, r13, r14, r15, rsp, rip, rflags;
    struct catch_point *outer;
};
void catch_push(struct catch_point *point);
int catch_set(struct catch_point *point)
    __attribute__((returns_twice)); /* 0, then 1 after a fault */
void catch_clear(struct catch_point *point);

/* Run statements; true: one of them faulted, `fault` says how. A local variable that the
 * statements changed has no defined value after a fault. */
#define FAULTS(...)                                                                                \
    ({                                                                                             \
        struct catch_point point_;                                                                 \
        bool faulted_ = false;                                                                     \
        fault = (struct caught){.vector = VEC_NONE};                                               \
        catch_push(&point_);                                                                       \
        if (catch_set(&point_) == 0) {                                                             \
            __VA_ARGS__;                                                                           \
            catch_clear(&point_);                                                                  \
        } else {                                                                                   \
            faulted_ = true;                                                                       \
        }                                                                                          \
        faulted_;                                                                                  \
    })
#define EXPECT_FAULT(vec, ...)                                                                     \
    ((void)FAULTS(__VA_ARGS__), expect_vector((vec), __FILE__, __LINE__, #__VA_ARGS__))
#define EXPECT_FAULT_CODE(vec, code, ...)                                                          \
    ((void)FAULTS(__VA_ARGS__), expect_code((vec), (code), __FILE__, __LINE__, #__VA_ARGS__))
#define EXPECT_NO_FAULT(...) EXPECT_FAULT(VEC_NONE, __VA_ARGS__)
bool expect_vector(u32 vector, const char *file, int line, const char *what);
bool expect_code(u32 vector, u64 error, const char *file, int line, const char *what);

/* True and *value, or false: #GP. Any other fault fails the test. */
bool rdmsr_safe(u32 msr, u64 *value);
bool wrmsr_safe(u32 msr, u64 value);
bool xsetbv_safe(u32 index, u64 value);
bool write_cr0_safe(u64 value);
bool write_cr4_safe(u64 value);

/* Whose turn it is when `vector` comes: NULL puts the default back (faults go to the
 * innermost catch point, interrupts are counted and acknowledged). */
typedef void (*vector_handler)(struct frame *f);
void on_vector(u32 vector, vector_handler handler);
extern volatile u64 vector_count[256]; /* of all processors */
extern volatile u64 vector_rip[256];   /* where the last one arrived */

/* Run `code` at CPL 3 on its own stack: returns only by a fault; VEC_USER_DONE is raised
 * when code returns, so EXPECT_FAULT(VEC_USER_DONE, user_call(f)) says it went well. */
NORETURN void user_call(void (*code)(void));

/* ---- the machine ---- */
#define SEL_CODE32      0x08u
#define SEL_CODE64      0x10u
#define SEL_DATA        0x18u
#define SEL_CODE16      0x20u
#define SEL_DATA16      0x28u
#define SEL_UDATA       0x33u
#define SEL_UCODE64     0x3bu
#define SEL_UCODE32     0x43u
#define SEL_TSS         0x48u
#define SEL_ABSENT      0x58u /* a data segment that is not present */
#define SEL_ABSENT_CODE 0x60u
#define SEL_LAST        0x67u

extern struct flat_start machine; /* a copy of what the loader said */
extern char cmdline[256];
u64 idt_gate_set(u32 vector, u64 handler, u32 type, u32 dpl); /* gives the old low quadword */
void idt_gate_restore(u32 vector, u64 low);

/* ---- paging: the tables of the identity map (all RWX, user) ---- */
u64 *page_entry(u64 address);          /* the 4 KiB entry of an address; splits a 2 MiB page */
void page_set(u64 address, u64 entry); /* and flushes */
/* Identity-maps device memory, also above 4 GiB, uncached there; false: too many places,
 * or the processor has no 1 GiB pages. */
bool page_map_high(u64 address, u64 len);
#define PAGE_P   BIT(0)
#define PAGE_W   BIT(1)
#define PAGE_U   BIT(2)
#define PAGE_PCD BIT(4)
#define PAGE_A   BIT(5)
#define PAGE_D   BIT(6)
#define PAGE_PS  BIT(7)
#define PAGE_NX  BIT(63)

/* ---- the PC ---- */
#define PIC1_CMD  0x20
#define PIC1_DATA 0x21
#define PIC2_CMD  0xa0
#define PIC2_DATA 0xa1
#define PIT_HZ    1193182u
void pic_init(void); /* IRQ 0-15 at vectors 0x20-0x2f, all masked */
void pic_unmask(u32 irq);
void pic_mask_all(void);
void pic_eoi(u32 irq);
void pit_periodic(u32 divisor);
void pit_one_shot(u32 ticks); /* IRQ 0 rises once after so many PIT ticks */
void pit_stop(void);
void pit_wait(u32 ticks); /* busy, by channel 2; at most 65535 PIT ticks */
u8 cmos_read(u8 index);
void cmos_write(u8 index, u8 value);
bool wait_for(volatile u64 *counter, u64 at_least, u64 tsc_ticks); /* with IF=1; false: too late */
u64 tsc_ms(u64 ms);                                                /* milliseconds in TSC ticks */

/* ---- output and the end ---- */
void say(const char *format, ...) PRINTF_LIKE(1, 2);
NORETURN void guest_exit(u8 status);

/* ---- reproducible random numbers (xorshift64*); the seed is printed ---- */
void random_seed(u64 seed);
u64 random_u64(void);
