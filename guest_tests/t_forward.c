/* Accesses that the control partition answers, by its test device (abi/scratch.h): values, widths,
 * doorbells, interrupts, several processors at once, granted memory; what the control partition
 * must not get away with; and what a guest sees when it dies.  For a guest with `served = devices`.
 */
#include "abi/control.h"
#include "abi/hypercall.h"
#include "abi/scratch.h"
#include "guest_tests/rt/smp.h"

#define MSI_VECTOR 0x61u
#define ROUNDS     200u

static u16 port(u32 offset)
{
    return (u16)(SCRATCH_PORTS + offset);
}

static volatile u8 *mmio8(u32 offset)
{
    return (volatile u8 *)(SCRATCH_PAGE + offset);
}

static volatile u32 *mmio(u32 offset)
{
    return (volatile u32 *)(SCRATCH_PAGE + offset);
}

static volatile u64 *mmio64(u32 offset)
{
    return (volatile u64 *)(SCRATCH_PAGE + offset);
}

static u32 command(u32 what, u32 argument)
{
    outl(port(SCRATCH_COMMAND), argument << 8 | what);
    return inl(port(SCRATCH_COMMAND));
}

/* The page of the device is in no page table that says "RAM": the identity map has it. */
GUEST_TEST(ident)
{
    EXPECT_EQ(inl(port(SCRATCH_ID)), SCRATCH_IDENT);
    EXPECT_EQ(*mmio(SCRATCH_ID), SCRATCH_IDENT);
}

GUEST_TEST(port_widths)
{
    outl(port(0), 0x44332211);
    EXPECT_EQ(inl(port(0)), 0x44332211);
    EXPECT_EQ(inw(port(0)), 0x2211);
    EXPECT_EQ(inw(port(1)), 0x3322);
    EXPECT_EQ(inb(port(3)), 0x44);
    outb(port(1), 0xaa);
    outw(port(2), 0xccbb);
    EXPECT_EQ(inl(port(0)), 0xccbbaa11);
}

/* What lies above the operand stays in RAX, or is cleared, as the instruction has it. */
GUEST_TEST(port_registers)
{
    u64 rax = ~0ull;

    outl(port(0), 0);
    __asm__ volatile("inb %%dx, %%al" : "+a"(rax) : "d"(port(0)));
    EXPECT_EQ(rax, 0xffffffffffffff00);
    rax = ~0ull;
    __asm__ volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(port(0)));
    EXPECT_EQ(rax, 0xffffffffffff0000);
    rax = ~0ull;
    __asm__ volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(port(0)));
    EXPECT_EQ(rax, 0);
}

/* An access that lies over the end of the range is nobody's. */
GUEST_TEST(port_edges)
{
    EXPECT_EQ(inb((u16)(SCRATCH_PORTS - 1)), 0xff);
    EXPECT_EQ(inw((u16)(SCRATCH_PORTS - 1)), 0xffff);
    EXPECT_EQ(inl((u16)(SCRATCH_PORTS + 34)), 0xffffffff);
    EXPECT_EQ(inb((u16)(SCRATCH_PORTS + 36)), 0xff);
}

GUEST_TEST(port_strings)
{
    static u32 out[5] = {1, 20, 300, 4000, 50000}, in[5];
    const void *from = out;
    void *to = in;
    u64 count = 5;
    const u32 before = inl(port(SCRATCH_READS));

    __asm__ volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(port(4)) : "memory");
    EXPECT_EQ(count, 0);
    EXPECT_EQ((u64)from, (u64)(out + 5));
    EXPECT_EQ(inl(port(4)), 50000);
    count = 5;
    __asm__ volatile("rep insl" : "+D"(to), "+c"(count) : "d"(port(SCRATCH_READS)) : "memory");
    EXPECT_EQ(count, 0);
    for (u32 i = 0; i < 5; i++) /* each iteration is one access, no more and no less */
        EXPECT_EQ(in[i], before + 1 + i);
}

GUEST_TEST(memory_widths)
{
    *mmio64(0) = 0x8877665544332211;
    EXPECT_EQ(*mmio64(0), 0x8877665544332211);
    EXPECT_EQ(*mmio(2), 0x66554433);
    EXPECT_EQ(*(volatile u16 *)mmio8(1), 0x3322);
    EXPECT_EQ(*mmio8(7), 0x88);
    *mmio8(0) = 0xee;
    EXPECT_EQ(*mmio64(0), 0x88776655443322ee);
}

/* An instruction that reads and writes is done once: each of its accesses is one request. */
GUEST_TEST(memory_read_modify_write)
{
    u64 value = 5;
    const u32 before = *mmio(SCRATCH_READS);

    *mmio(8) = 100;
    __asm__ volatile("addl $11, %0" : "+m"(*mmio(8)));
    EXPECT_EQ(*mmio(8), 111);
    __asm__ volatile("xchgq %0, %1" : "+r"(value), "+m"(*mmio64(SCRATCH_WIDE)));
    EXPECT_EQ(*mmio64(SCRATCH_WIDE), 5);
    __asm__ volatile("orl $0, %0" : "+m"(*mmio(SCRATCH_READS)));
    EXPECT_EQ(*mmio(SCRATCH_READS), before + 2);
}

/* From the device to the device, and a string that leaves RAM for it. */
GUEST_TEST(memory_strings)
{
    static u32 words[4] = {11, 22, 33, 44};
    const volatile void *from = mmio(0);
    volatile void *to = mmio(SCRATCH_WIDE);
    const void *ram = words;
    u64 count = 4;

    *mmio64(0) = 0x123456789abcdef;
    __asm__ volatile("movsq" : "+S"(from), "+D"(to) : : "memory");
    EXPECT_EQ(*mmio64(SCRATCH_WIDE), 0x123456789abcdef);
    to = mmio(0);
    __asm__ volatile("rep movsl" : "+S"(ram), "+D"(to), "+c"(count) : : "memory");
    for (u32 i = 0; i < 4; i++)
        EXPECT_EQ(*mmio(4 * i), words[i]);
}

/* Flags and RF are the instruction's own; the single-step trap comes behind it. */
GUEST_TEST(step_over_access)
{
    on_vector(VEC_DB, NULL);
    (void)FAULTS(__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; inl %%dx, %%eax; nop"
                                  :
                                  : "d"(port(SCRATCH_ID))
                                  : "rax", "cc", "memory"));
    EXPECT_EQ(fault.vector, VEC_DB);
}

/* ---- doorbells ---- */

static bool rings_reach(u32 at, u32 wanted)
{
    for (u32 i = 0; i < 1000; i++)
        if (*mmio(at) == wanted)
            return true;
    return false;
}

GUEST_TEST(doorbells)
{
    const u32 any = *mmio(SCRATCH_RINGS), seven = *mmio(SCRATCH_RINGS_7);

    *mmio(SCRATCH_BELL) = 1;
    EXPECT_TRUE(rings_reach(SCRATCH_RINGS, any + 1));
    *mmio8(SCRATCH_BELL) = 1;
    EXPECT_TRUE(rings_reach(SCRATCH_RINGS, any + 2));
    outb(port(SCRATCH_BELL), 0);
    EXPECT_TRUE(rings_reach(SCRATCH_RINGS, any + 3));
    *mmio(SCRATCH_BELL_7) = SCRATCH_BELL_VALUE;
    EXPECT_TRUE(rings_reach(SCRATCH_RINGS_7, seven + 1));
    *mmio(SCRATCH_BELL_7) = SCRATCH_BELL_VALUE + 1; /* ordinary accesses */
    *mmio8(SCRATCH_BELL_7) = SCRATCH_BELL_VALUE;
    EXPECT_EQ(*mmio(SCRATCH_RINGS_7), seven + 1);
    EXPECT_EQ(*mmio(SCRATCH_RINGS), any + 3);
}

/* However fast they come, none is lost for good, and there are no more events than rings. */
GUEST_TEST(doorbell_flood)
{
    const u32 before = *mmio(SCRATCH_RINGS);
    u32 after;

    for (u32 i = 0; i < 20 * ROUNDS; i++)
        *mmio(SCRATCH_BELL) = i;
    after = *mmio(SCRATCH_RINGS);
    EXPECT_TRUE(after > before);
    EXPECT_TRUE(after - before <= 20 * ROUNDS);
    *mmio(SCRATCH_BELL) = 0;
    EXPECT_TRUE(rings_reach(SCRATCH_RINGS, after + 1) || rings_reach(SCRATCH_RINGS, after + 2));
}

/* ---- interrupts ---- */

static void acknowledge(struct frame *f)
{
    (void)f;
    (void)command(SCRATCH_DO_line_down, 0);
    pic_eoi(SCRATCH_LINE);
}

GUEST_TEST(interrupt_line)
{
    const u64 before = vector_count[VEC_IRQ0 + SCRATCH_LINE];

    on_vector(VEC_IRQ0 + SCRATCH_LINE, acknowledge);
    pic_unmask(SCRATCH_LINE);
    for (u32 i = 1; i <= 5; i++) {
        EXPECT_EQ(command(SCRATCH_DO_line_up, 0), ABI_OK);
        EXPECT_TRUE(wait_for(&vector_count[VEC_IRQ0 + SCRATCH_LINE], before + i, tsc_ms(1000)));
    }
    pic_mask_all();
    on_vector(VEC_IRQ0 + SCRATCH_LINE, NULL);
}

static volatile u64 messages;

static void on_message(struct frame *f)
{
    (void)f;
    messages++;
    apic_put(APIC_EOI, 0);
}

GUEST_TEST(message_interrupt)
{
    const u64 before = messages;

    apic_put(APIC_SVR, 0x1ff);
    on_vector(MSI_VECTOR, on_message);
    for (u32 i = 1; i <= 5; i++) {
        EXPECT_EQ(command(SCRATCH_DO_msi, MSI_VECTOR), ABI_OK);
        EXPECT_TRUE(wait_for(&messages, before + i, tsc_ms(1000)));
    }
    on_vector(MSI_VECTOR, NULL);
}

/* ---- several processors ---- */

static u32 wrong[SMP_MAX];

/* Each has bytes of its own. */
static void hammer(u64 arg UNUSED)
{
    const u32 self = smp_self();
    const u16 mine = port(self);

    for (u32 i = 0; i < ROUNDS; i++) {
        const u8 value = (u8)(self << 5 | (i & 31));

        if (i & 1)
            outb(mine, value);
        else
            *mmio8(self) = value;
        wrong[self] += (i & 2 ? inb(mine) : *mmio8(self)) != value;
        wrong[self] += inl(port(SCRATCH_ID)) != SCRATCH_IDENT;
    }
}

GUEST_TEST(all_at_once)
{
    const u32 cpus = smp_boot();

    EXPECT_TRUE(smp_all(hammer, 0));
    for (u32 cpu = 0; cpu < cpus; cpu++)
        EXPECT_EQ(wrong[cpu], 0);
}

static volatile u64 other_came;

static void others_go_on(u64 arg UNUSED)
{
    other_came = inl(port(SCRATCH_ID)) == SCRATCH_IDENT;
}

/* One waits for its reply; another one's comes meanwhile. */
GUEST_TEST(late_reply)
{
    const u64 start = rdtsc();
    u64 took;

    other_came = 0;
    if (smp_boot() > 1)
        smp_start(1, others_go_on, 0);
    outl(port(SCRATCH_COMMAND), 50 << 8 | SCRATCH_DO_delay);
    took = rdtsc() - start;
    EXPECT_TRUE(took >= tsc_ms(50));
    EXPECT_TRUE(took < tsc_ms(500));
    if (smp_count() > 1) {
        EXPECT_EQ(other_came, 1);
        EXPECT_TRUE(smp_wait(1));
    }
}

/* ---- rights ---- */

GUEST_TEST(no_rights)
{
    for (u64 number = HC_log; number < HYPERCALLS; number++)
        EXPECT_EQ(abi_call(number, 0, 0, 0, 0), ABI_EPERM);
    EXPECT_EQ(abi_call(HYPERCALLS, 0, 0, 0, 0), ABI_ENOSYS);
}

GUEST_TEST(control_misuses)
{
    EXPECT_EQ(command(SCRATCH_DO_twice, 0), (u32)ABI_ENOENT);
    EXPECT_EQ(command(SCRATCH_DO_wrong, 0), 0);
    EXPECT_EQ(command(SCRATCH_DO_misuse, 0), 0);
    EXPECT_EQ(command(SCRATCH_DO_flood, 0), ABI_OK);
    EXPECT_EQ(inl(port(SCRATCH_ID)), SCRATCH_IDENT);
}

GUEST_TEST(device_interrupt)
{
    EXPECT_EQ(command(SCRATCH_DO_rtc, 0), ABI_OK);
    outl(port(SCRATCH_COMMAND), 150 << 8 | SCRATCH_DO_delay); /* its result is 0 until then */
    const u32 came = inl(port(SCRATCH_COMMAND));

    say("# %u interrupts of the real-time clock\n", came);
    EXPECT_TRUE(came >= 5 && came <= 8); /* 6.4 at 64 Hz */
}

/* ---- memory ---- */

static u8 __attribute__((aligned(4096))) lent[2 * PAGE_SIZE];

static u32 map(u64 gpa, u64 bytes)
{
    *mmio64(0) = gpa;
    *mmio64(8) = bytes;
    return command(SCRATCH_DO_map, 0);
}

GUEST_TEST(grants)
{
    u64 *const words = (u64 *)(void *)lent;
    i64 grant;

    EXPECT_EQ(map((u64)lent, PAGE_SIZE), (u32)ABI_EPERM);
    EXPECT_EQ(abi_grant((u64)lent + 1, PAGE_SIZE), ABI_EINVAL);
    EXPECT_EQ(abi_grant((u64)lent, 0), ABI_EINVAL);
    EXPECT_EQ(abi_grant((u64)lent, 0 - (u64)lent), ABI_EINVAL);
    EXPECT_EQ(abi_grant(GiB, PAGE_SIZE), ABI_EFAULT);
    EXPECT_EQ(abi_grant(SCRATCH_PAGE, PAGE_SIZE), ABI_EFAULT);
    EXPECT_EQ(abi_revoke(0), ABI_ENOENT);
    EXPECT_EQ(abi_revoke(~0ull), ABI_ENOENT);

    grant = abi_grant((u64)lent + PAGE_SIZE, PAGE_SIZE);
    EXPECT_TRUE(grant >= 0);
    EXPECT_EQ(map((u64)lent, PAGE_SIZE), (u32)ABI_EPERM);
    EXPECT_EQ(map((u64)lent, 2 * PAGE_SIZE), (u32)ABI_EPERM);
    EXPECT_EQ(map((u64)lent + PAGE_SIZE, PAGE_SIZE), ABI_OK);
    words[PAGE_SIZE / 8] = 0x1111222233334444;
    *mmio64(0) = 0x5555666677778888;
    EXPECT_EQ(command(SCRATCH_DO_exchange, 0), ABI_OK);
    EXPECT_EQ(*mmio64(0), 0x1111222233334444);
    EXPECT_EQ(((volatile u64 *)words)[PAGE_SIZE / 8], 0x5555666677778888);
    EXPECT_EQ(map((u64)lent + PAGE_SIZE, PAGE_SIZE), (u32)ABI_EEXIST);
    EXPECT_EQ(command(SCRATCH_DO_unmap, 0), ABI_OK);
    EXPECT_EQ(command(SCRATCH_DO_unmap, 0), (u32)ABI_ENOENT);
    EXPECT_EQ(map((u64)lent + PAGE_SIZE, PAGE_SIZE), ABI_OK);
    EXPECT_EQ(abi_revoke((u64)grant), ABI_OK);
    EXPECT_EQ(command(SCRATCH_DO_unmap, 0), (u32)ABI_ENOENT); /* it is gone already */
    EXPECT_EQ(map((u64)lent + PAGE_SIZE, PAGE_SIZE), (u32)ABI_EPERM);
}

/* ---- death ---- */

/* The control partition dies; the next access waits for its next life, whose device has nothing in
 * it. */
static void dies_of(u32 what, u32 argument)
{
    const u32 life = inl(port(SCRATCH_LIFE));

    outl(port(0), 0x12345678);
    outl(port(SCRATCH_COMMAND), argument << 8 | what);
    EXPECT_EQ(inl(port(SCRATCH_ID)), SCRATCH_IDENT);
    EXPECT_EQ(inl(port(SCRATCH_LIFE)), life + 1);
    EXPECT_EQ(inl(port(0)), 0);
    EXPECT_EQ(*mmio(SCRATCH_ID), SCRATCH_IDENT);
}

GUEST_TEST(death_by_null_call)
{
    dies_of(SCRATCH_DO_crash, 0);
}

GUEST_TEST(death_by_watchdog)
{
    dies_of(SCRATCH_DO_spin, 0);
}

GUEST_TEST(death_by_smashed_stack)
{
    dies_of(SCRATCH_DO_smash, 20);
}

/* Memory that is not its own, and memory that was revoked. */
GUEST_TEST(death_by_reaching_out)
{
    i64 grant;

    dies_of(SCRATCH_DO_reach, 0);
    grant = abi_grant((u64)lent, PAGE_SIZE);
    EXPECT_EQ(map((u64)lent, PAGE_SIZE), ABI_OK);
    EXPECT_EQ(command(SCRATCH_DO_exchange, 0), ABI_OK);
    EXPECT_EQ(abi_revoke((u64)grant), ABI_OK);
    dies_of(SCRATCH_DO_exchange, 0);
}

GUEST_TEST(death_with_memory_mapped)
{
    const i64 grant = abi_grant((u64)lent, PAGE_SIZE);

    EXPECT_EQ(map((u64)lent, PAGE_SIZE), ABI_OK);
    dies_of(SCRATCH_DO_crash, 0);
    EXPECT_EQ(command(SCRATCH_DO_unmap, 0), (u32)ABI_ENOENT);
    EXPECT_EQ(map((u64)lent, PAGE_SIZE), ABI_OK);
    EXPECT_EQ(abi_revoke((u64)grant), ABI_OK);
}

/* The tables that it got, of which a machine with 512 MiB gives some 2500, come back. */
GUEST_TEST(death_with_all_tables)
{
    for (u32 i = 0; i < 2; i++) {
        const u32 tables = command(SCRATCH_DO_tables, 0);

        EXPECT_TRUE(tables > 1000 && tables < 3000);
        EXPECT_EQ(command(SCRATCH_DO_tables, 0), 0);
        dies_of(SCRATCH_DO_crash, 0);
    }
}

GUEST_TEST(doorbells_after_death)
{
    const u32 before = *mmio(SCRATCH_RINGS);

    *mmio(SCRATCH_BELL) = 1;
    EXPECT_TRUE(rings_reach(SCRATCH_RINGS, before + 1));
}
