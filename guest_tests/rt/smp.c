/* See smp.h. */
#include "guest_tests/rt/smp.h"
#include "guest_tests/rt/rt.h"
#include "lib/atomic.h"

#define STACKS_BYTES  0x8000u /* smp.asm: of one processor, the main one on top */
#define NMI_TOP       0x2000u
#define DEBUG_TOP     0x3000u
#define FAULT_TOP     0x5000u
#define GDT_ENTRIES   13u
#define GDT_TSS       (SEL_TSS / 8)
#define TSS_AVAILABLE 0x89ull
#define XAPIC         0xfee00000ull
#define ICR_LOW       0x300u
#define ICR_HIGH      0x310u
#define MSR_APIC_BASE 0x1bu
#define MSR_X2APIC    0x800u
#define SVR_ENABLED   0x1ffu
#define START_MS      10u   /* none has come since: all are here */
#define WAIT_MS       8000u /* far longer than anything takes; CPUs may be shared */

struct tss {
    u32 reserved0;
    u64 rsp[3], reserved1, ist[7], reserved2;
    u16 reserved3, io_bitmap;
} PACKED;

struct processor {
    u64 gdt[GDT_ENTRIES];
    struct tss tss;
    u32 starts;
    u32 posted, done; /* calls */
    bool faulted;
    smp_function fn;
    u64 arg;
};

extern const u8 smp_trampoline[], smp_trampoline_end[];
u64 smp_boot_cr0, smp_boot_cr3, smp_boot_cr4, smp_boot_efer;
bool smp_several;
u8 smp_stacks[SMP_MAX][STACKS_BYTES] __attribute__((aligned(4096)));

void smp_enter(u32 self);

static struct processor processor[SMP_MAX];
static u32 count;

/* ---- the local APIC ---- */

bool apic_is_x2apic(void)
{
    return rdmsr(MSR_APIC_BASE) & BIT(10);
}

u32 apic_get(u32 offset)
{
    return apic_is_x2apic() ? (u32)rdmsr(MSR_X2APIC + offset / 16)
                            : *(volatile u32 *)(XAPIC + offset);
}

void apic_put(u32 offset, u32 value)
{
    if (apic_is_x2apic())
        wrmsr(MSR_X2APIC + offset / 16, value);
    else
        *(volatile u32 *)(XAPIC + offset) = value;
}

void apic_ipi(u32 destination, u32 low)
{
    if (apic_is_x2apic()) {
        wrmsr(MSR_X2APIC + ICR_LOW / 16, (u64)destination << 32 | low);
        return;
    }
    *(volatile u32 *)(XAPIC + ICR_HIGH) = destination << 24;
    *(volatile u32 *)(XAPIC + ICR_LOW) = low;
    while (*(volatile u32 *)(XAPIC + ICR_LOW) & ICR_BUSY)
        ;
}

/* ---- who is who ---- */

u32 smp_count(void)
{
    return count;
}

u32 smp_of_stack(void)
{
    const u64 offset = (u64)__builtin_frame_address(0) - (u64)smp_stacks;

    return offset < sizeof(smp_stacks) ? (u32)(offset / STACKS_BYTES) : 0;
}

u32 smp_starts(u32 cpu)
{
    return load_acquire(&processor[cpu].starts);
}

/* ---- a processor's life ---- */

static void load_tables(struct processor *p, const u8 *stacks)
{
    const u64 base = (u64)&p->tss;
    const struct table_pointer pointer = {sizeof(p->gdt) - 1, (u64)p->gdt};

    p->tss = (struct tss){
        .ist = {(u64)stacks + FAULT_TOP, (u64)stacks + DEBUG_TOP, (u64)stacks + NMI_TOP},
        .io_bitmap = sizeof(p->tss)};
    memcpy(p->gdt, gdt, sizeof(p->gdt));
    p->gdt[GDT_TSS] = (sizeof(p->tss) - 1) | (base & 0xffffff) << 16 | TSS_AVAILABLE << 40 |
                      (base >> 24 & 0xff) << 56;
    p->gdt[GDT_TSS + 1] = base >> 32;
    __asm__ volatile("lgdt %0; ltr %w1" : : "m"(pointer), "r"(SEL_TSS) : "memory");
    trap_load();
}

static void serve(struct processor *p)
{
    for (;;) {
        cpu_cli();
        if (load_acquire(&p->posted) == p->done) {
            cpu_sti_hlt();
            continue;
        }
        p->faulted = FAULTS(p->fn(p->arg));
        cpu_cli();
        store_release(&p->done, p->done + 1);
    }
}

void smp_enter(u32 self)
{
    struct processor *p = &processor[self];

    load_tables(p, smp_stacks[self]);
    trap_forget(self);
    apic_put(APIC_SVR, SVR_ENABLED);
    p->done = p->posted;
    (void)atomic_add(&p->starts, 1);
    serve(p);
}

/* ---- starting ---- */

void smp_page_make(u32 page)
{
    smp_several = true;
    memset((void *)(u64)page, 0, PAGE_SIZE);
    memcpy((void *)(u64)page, smp_trampoline, (u64)(smp_trampoline_end - smp_trampoline));
}

static void prepare(void)
{
    smp_boot_cr0 = read_cr0();
    smp_boot_cr3 = read_cr3();
    smp_boot_cr4 = read_cr4();
    smp_boot_efer = rdmsr(MSR_EFER) & ~EFER_LMA;
    smp_page_make(SMP_PAGE);
}

bool smp_wait_start(u32 cpu, u32 starts)
{
    const u64 begin = rdtsc();

    while (smp_starts(cpu) == starts) {
        if (rdtsc() - begin > tsc_ms(WAIT_MS))
            return false;
        cpu_pause();
    }
    return true;
}

bool smp_restart(u32 cpu, u32 page)
{
    const u32 starts = smp_starts(cpu);

    apic_ipi(cpu, ICR_INIT | ICR_ASSERT);
    apic_ipi(cpu, ICR_STARTUP | ICR_ASSERT | page >> 12);
    return smp_wait_start(cpu, starts);
}

/* Nobody says how many there are: until no more come. */
static u32 await_all(const u32 before[SMP_MAX])
{
    u32 here = 0;

    for (u64 since = rdtsc(); rdtsc() - since < tsc_ms(START_MS);) {
        u32 now = 0;

        for (u32 cpu = 1; cpu < SMP_MAX; cpu++)
            now += smp_starts(cpu) != before[cpu];
        if (now != here)
            since = rdtsc();
        here = now;
        cpu_pause();
    }
    return here + 1;
}

u32 smp_boot(void)
{
    u32 before[SMP_MAX];

    for (u32 cpu = 0; cpu < SMP_MAX; cpu++)
        before[cpu] = smp_starts(cpu);
    prepare();
    apic_put(APIC_SVR, SVR_ENABLED);
    apic_ipi(0, ICR_TO_OTHERS | ICR_INIT | ICR_ASSERT);
    apic_ipi(0, ICR_TO_OTHERS | ICR_STARTUP | ICR_ASSERT | SMP_PAGE >> 12);
    count = await_all(before);
    return count;
}

/* ---- calls ---- */

void smp_start(u32 cpu, smp_function fn, u64 arg)
{
    struct processor *p = &processor[cpu];

    p->fn = fn;
    p->arg = arg;
    store_release(&p->posted, p->posted + 1);
    apic_ipi(cpu, VEC_SMP_CALL | ICR_ASSERT);
}

bool smp_wait(u32 cpu)
{
    const struct processor *p = &processor[cpu];
    const u64 begin = rdtsc();

    while (load_acquire(&p->done) != p->posted) {
        if (rdtsc() - begin > tsc_ms(WAIT_MS))
            return expect_true(false, __FILE__, __LINE__, "a processor ends its work");
        cpu_pause();
    }
    if (p->faulted)
        test_fail(__FILE__, __LINE__, "a fault on CPU %u", cpu);
    return !p->faulted;
}

bool smp_is_idle(u32 cpu)
{
    return load_acquire(&processor[cpu].done) == processor[cpu].posted;
}

bool smp_call(u32 cpu, smp_function fn, u64 arg)
{
    smp_start(cpu, fn, arg);
    return smp_wait(cpu);
}

bool smp_all(smp_function fn, u64 arg)
{
    bool good = true;

    for (u32 cpu = 1; cpu < count; cpu++)
        smp_start(cpu, fn, arg);
    fn(arg);
    for (u32 cpu = 1; cpu < count; cpu++)
        good &= smp_wait(cpu);
    return good;
}

void smp_barrier_wait(struct smp_barrier *b, u32 all)
{
    const u32 round = load_acquire(&b->round);

    if (atomic_add(&b->here, 1) + 1 == all) {
        b->here = 0;
        store_release(&b->round, round + 1);
        return;
    }
    while (load_acquire(&b->round) == round)
        cpu_pause();
}

bool smp_wait_value(volatile u64 *value, u64 at_least, u64 tsc_ticks)
{
    const u64 begin = rdtsc();

    while (*value < at_least) {
        if (rdtsc() - begin > tsc_ticks)
            return false;
        cpu_pause();
    }
    return true;
}
