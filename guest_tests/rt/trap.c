/* The guest's IDT, and what happens to the faults and interrupts that tests cause.
 * SDM Vol. 3A, "Interrupt and Exception Handling". */
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/rt.h"
#include "guest_tests/rt/smp.h"
#include "lib/atomic.h"

#define GATE_INTERRUPT 0x8eu
#define FAULTS_MAX     32u /* vectors below are exceptions: own stack, caught */

struct gate {
    u64 low, high;
};

static struct gate idt[256] __attribute__((aligned(16)));
static vector_handler handlers[256];

static struct caught caught[SMP_MAX];
static struct catch_point *catch_top[SMP_MAX];
volatile u64 vector_count[256];
volatile u64 vector_rip[256];

static struct gate make_gate(u64 handler, u32 type, u32 dpl, u32 ist)
{
    return (struct gate){
        .low = (handler & 0xffff) | (u64)SEL_CODE64 << 16 | (u64)ist << 32 |
               (u64)(type | dpl << 5) << 40 | (handler >> 16 & 0xffff) << 48,
        .high = handler >> 32,
    };
}

u64 idt_gate_set(u32 vector, u64 handler, u32 type, u32 dpl)
{
    const u64 old = idt[vector].low;

    /* #DB and NMI have stacks of their own: they can come on the first instruction of another
     * handler. */
    const u32 ist = vector == VEC_DB ? 2 : vector == VEC_NMI ? 3 : vector < FAULTS_MAX;

    idt[vector] = make_gate(handler, type, dpl, ist);
    return old;
}

void idt_gate_restore(u32 vector, u64 low)
{
    idt[vector].low = low;
    idt[vector].high = isr_table[vector] >> 32;
}

void trap_load(void)
{
    const struct table_pointer pointer = {sizeof(idt) - 1, (u64)idt};

    __asm__ volatile("lidt %0" : : "m"(pointer));
}

void trap_init(void)
{
    for (u32 v = 0; v < 256; v++)
        (void)idt_gate_set(v, isr_table[v], GATE_INTERRUPT, v == VEC_USER_DONE ? 3 : 0);
    trap_load();
}

void on_vector(u32 vector, vector_handler handler)
{
    handlers[vector] = handler;
}

void rt_trap(struct frame *f)
{
    const u32 vector = (u32)f->vector;
    struct catch_point *point = catch_top[smp_self()];

    (void)atomic_add(&vector_count[vector], 1);
    vector_rip[vector] = f->rip;
    if (handlers[vector] != NULL) {
        handlers[vector](f);
        return;
    }
    if (vector >= VEC_IRQ0 && vector < VEC_IRQ0 + 16) {
        pic_eoi(vector - VEC_IRQ0);
        return;
    }
    if (vector == VEC_SMP_CALL) {
        apic_put(APIC_EOI, 0);
        return;
    }
    if (vector >= FAULTS_MAX && vector != VEC_USER_DONE && point == NULL)
        return;
    fault = (struct caught){vector, f->error, f->rip, read_cr2()};
    if (point == NULL) {
        say("# fault %u outside of a test, CPU %u, error 0x%llx rip 0x%llx cr2 0x%llx\n", vector,
            smp_self(), (unsigned long long)f->error, (unsigned long long)f->rip,
            (unsigned long long)fault.cr2);
        guest_exit(99);
    }
    catch_top[smp_self()] = point->outer;
    catch_return(point);
}

struct caught *fault_here(void)
{
    return &caught[smp_self()];
}

void catch_push(struct catch_point *point)
{
    struct catch_point **top = &catch_top[smp_self()];

    point->outer = *top;
    *top = point;
}

void trap_forget(u32 cpu)
{
    catch_top[cpu] = NULL;
}

void catch_clear(struct catch_point *point)
{
    catch_top[smp_self()] = point->outer;
}

__attribute__((noinline)) bool rdmsr_safe(u32 msr, u64 *value)
{
    volatile u64 got = 0;

    if (FAULTS(got = rdmsr(msr))) {
        EXPECT_EQ(fault.vector, VEC_GP);
        return false;
    }
    *value = got;
    return true;
}

/* The same shape for each write that may be refused with #GP(0). */
#define SAFE(...)                                                                                  \
    do {                                                                                           \
        if (!FAULTS(__VA_ARGS__))                                                                  \
            return true;                                                                           \
        EXPECT_EQ(fault.vector, VEC_GP);                                                           \
        EXPECT_EQ(fault.error, 0);                                                                 \
        return false;                                                                              \
    } while (0)

__attribute__((noinline)) bool wrmsr_safe(u32 msr, u64 value)
{
    SAFE(wrmsr(msr, value));
}

__attribute__((noinline)) bool xsetbv_safe(u32 index, u64 value)
{
    SAFE(xsetbv(index, value));
}

__attribute__((noinline)) bool write_cr0_safe(u64 value)
{
    SAFE(write_cr0(value));
}

__attribute__((noinline)) bool write_cr4_safe(u64 value)
{
    SAFE(write_cr4(value));
}
