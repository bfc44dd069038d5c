/* States that VM entry might refuse, made by a guest on purpose: each has a legal result on
 * the bare processor, and must have the same one here.  (threats.md, S01, S03, S04) */
#include "guest_tests/rt/guest.h"

#define EDGE 0x7ffffffff000ull /* the last page of the lower canonical half */

static volatile u32 traps;
static volatile u64 trap_rip;

static void on_trap(struct frame *f)
{
    traps++;
    trap_rip = f->rip;
    f->rflags &= ~FLAG_TF;
    write_dr6(0xffff0ff0);
}

static void raise_irq0(void)
{
    vector_count[VEC_IRQ0] = 0;
    pit_one_shot(20);
    pic_unmask(0);
    pit_wait(200);
}

/* TF with blocking by STI: entry needs the pending BS bit. */
GUEST_TEST(trap_flag_in_sti_shadow)
{
    traps = 0;
    on_vector(VEC_DB, on_trap);
    raise_irq0();
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; sti; cpuid; nop; cli"
                     :
                     : "a"(0), "c"(0)
                     : "rbx", "rdx", "memory");
    EXPECT_EQ(traps, 1);
    EXPECT_EQ(vector_count[VEC_IRQ0], 1);
}

/* The trap follows HLT, whoever ends that first: the trap itself or the timer. */
GUEST_TEST(trap_flag_and_hlt)
{
    traps = 0;
    on_vector(VEC_DB, on_trap);
    vector_count[VEC_IRQ0] = 0;
    pit_one_shot(PIT_HZ / 50);
    pic_unmask(0);
    __asm__ volatile("pushfq; orq $0x300, (%%rsp); popfq; hlt; nop; cli" ::: "memory");
    EXPECT_EQ(traps, 1);
    pit_stop();
}

static volatile u64 stack_word __attribute__((aligned(8)));

/* MOV SS with a data breakpoint on its operand, then INT3 or ICEBP (CVE-2018-8897). */
GUEST_TEST(mov_ss_breakpoint_int3)
{
    volatile u64 bp_before = vector_count[VEC_BP];

    traps = 0;
    on_vector(VEC_DB, on_trap);
    on_vector(VEC_BP, on_trap);
    stack_word = SEL_DATA;
    write_dr0((u64)&stack_word);
    write_dr7(0x400 | 1 | 3 << 16 | 3 << 18);
    __asm__ volatile("mov %0, %%ss; int3; nop" : : "m"(stack_word) : "memory");
    write_dr7(0x400);
    EXPECT_EQ(vector_count[VEC_BP] - bp_before, 1);
    EXPECT_TRUE(traps >= 1 && traps <= 2);
}

GUEST_TEST(mov_ss_breakpoint_exit)
{
    traps = 0;
    on_vector(VEC_DB, on_trap);
    stack_word = SEL_DATA;
    write_dr0((u64)&stack_word);
    write_dr7(0x400 | 1 | 3 << 16 | 3 << 18);
    __asm__ volatile("mov %0, %%ss; cpuid; nop; nop"
                     :
                     : "m"(stack_word), "a"(0), "c"(0)
                     : "rbx", "rdx", "memory");
    write_dr7(0x400);
    EXPECT_EQ(traps, 1);
}

GUEST_TEST(non_canonical_rip)
{
    EXPECT_FAULT_CODE(VEC_GP, 0, __asm__ volatile("jmp *%0" : : "r"(0x800000000000ull)));
    EXPECT_FAULT_CODE(VEC_GP, 0, __asm__ volatile("push %0; ret" : : "r"(0x8000000000000000ull)));
}

static u64 edge_tables[3][512] __attribute__((aligned(4096)));
static u8 edge_page[4096] __attribute__((aligned(4096)));

static void map_edge(void)
{
    u64 *top = (u64 *)(read_cr3() & ~0xfffull);

    top[255] = (u64)edge_tables[0] | PAGE_P | PAGE_W;
    edge_tables[0][511] = (u64)edge_tables[1] | PAGE_P | PAGE_W;
    edge_tables[1][511] = (u64)edge_tables[2] | PAGE_P | PAGE_W;
    edge_tables[2][511] = (u64)edge_page | PAGE_P | PAGE_W;
    write_cr3(read_cr3());
}

/* The last instruction below the hole exits: RIP after it is not canonical. */
GUEST_TEST(instruction_at_the_canonical_edge)
{
    static const u8 cpuid_code[] = {0x0f, 0xa2}, vmcall_code[] = {0x0f, 0x01, 0xc1},
                    out_code[] = {0xe6, 0x80}, rdmsr_code[] = {0x0f, 0x32};
    static const struct {
        const u8 *code;
        u32 len;
    } cases[] = {{cpuid_code, 2}, {out_code, 2}, {rdmsr_code, 2}, {vmcall_code, 3}};
    const u32 count = cpuid(1, 0).ecx & BIT(31) ? 4 : 3;

    map_edge();
    for (u32 i = 0; i < count; i++) {
        memcpy(edge_page + sizeof(edge_page) - cases[i].len, cases[i].code, cases[i].len);
        EXPECT_FAULT_CODE(VEC_GP, 0, {
            __asm__ volatile("jmp *%0"
                             :
                             : "D"(EDGE + 4096 - cases[i].len), "a"(0), "c"(0x1b), "d"(0)
                             : "rbx", "memory");
        });
    }
}

GUEST_TEST(null_ss_and_odd_segments)
{
    u32 ss = 1, lar = 0;

    __asm__ volatile("xor %%eax, %%eax; mov %%eax, %%ss; xor %%ecx, %%ecx; cpuid;"
                     "mov %%ss, %0; mov %1, %%eax; mov %%eax, %%ss"
                     : "=&r"(ss)
                     : "i"(SEL_DATA)
                     : "rax", "rbx", "rcx", "rdx", "memory");
    EXPECT_EQ(ss, 0);
    __asm__ volatile("mov %0, %%ds; mov %1, %%es; mov %0, %%fs; mov %0, %%gs; xor %%eax, %%eax;"
                     "xor %%ecx, %%ecx; cpuid; mov %2, %%eax; mov %%eax, %%ds; mov %%eax, %%es;"
                     "xor %%eax, %%eax; mov %%eax, %%fs; mov %%eax, %%gs"
                     :
                     : "r"(SEL_UDATA), "r"(SEL_CODE32), "i"(SEL_DATA)
                     : "rax", "rbx", "rcx", "rdx", "memory");
    __asm__ volatile("lar %1, %0" : "=r"(lar) : "r"(SEL_TSS));
    EXPECT_EQ(lar >> 8 & 0x1f, 0x0b); /* the TSS is still there, and busy */
}

static u64 local_table[2] = {0x00cf93000000ffff, 0x00cf97000000ffff};

/* An LDT, an expand-down segment and a segment of one byte, with exits while they are loaded. */
GUEST_TEST(local_descriptor_table)
{
    struct table_pointer pointer;
    u64 *descriptors;
    u64 saved[2];

    __asm__ volatile("sgdt %0" : "=m"(pointer));
    descriptors = (u64 *)(pointer.base + SEL_ABSENT);
    saved[0] = descriptors[0], saved[1] = descriptors[1];
    descriptors[0] = 0x000082000000000full | ((u64)local_table & 0xffffff) << 16 |
                     ((u64)local_table >> 24 & 0xff) << 56;
    descriptors[1] = 0;
    __asm__ volatile("lldt %w0" : : "r"(SEL_ABSENT));
    __asm__ volatile("mov %0, %%fs; mov %1, %%es; xor %%eax, %%eax; xor %%ecx, %%ecx; cpuid;"
                     "mov %2, %%eax; mov %%eax, %%es; xor %%eax, %%eax; mov %%eax, %%fs"
                     :
                     : "r"(4), "r"(12), "i"(SEL_DATA)
                     : "rax", "rbx", "rcx", "rdx", "memory");
    __asm__ volatile("lldt %w0" : : "r"(0));
    descriptors[0] = saved[0], descriptors[1] = saved[1];
    EXPECT_FAULT(VEC_UD, __asm__ volatile("ud2"));
}

/* IRETQ to CPL 3 with NT, AC, ID and IOPL set, exits there, and back. */
static void user_odd_flags(void)
{
    __asm__ volatile("pushfq; orq $0x240000, (%%rsp); popfq; cpuid; cpuid"
                     :
                     : "a"(0), "c"(0)
                     : "rbx", "rdx", "memory");
}

GUEST_TEST(odd_flags)
{
    EXPECT_FAULT(VEC_USER_DONE, user_call(user_odd_flags));
    EXPECT_NO_FAULT({
        __asm__ volatile("pushfq; orq $0x247000, (%%rsp); popfq; cpuid; pushfq;"
                         "andq $~0x247000, (%%rsp); popfq"
                         :
                         : "a"(0), "c"(0)
                         : "rbx", "rdx", "memory");
    });
}

/* IRETQ with VM=1 in 64-bit mode: the bit is not loaded. */
GUEST_TEST(virtual_8086_flag)
{
    u64 flags = 0;

    __asm__ volatile("mov %%rsp, %%rax; push %1; push %%rax; pushfq; orq $0x20000, (%%rsp);"
                     "push %2; lea 1f(%%rip), %%rax; push %%rax; iretq\n1: pushfq; pop %0"
                     : "=r"(flags)
                     : "i"(SEL_DATA), "i"(SEL_CODE64)
                     : "rax", "memory");
    EXPECT_EQ(flags & FLAG_VM, 0);
}

GUEST_TEST(debug_registers_full_of_addresses)
{
    write_dr0(0xffffffff80000000), write_dr1(0xffffffff80100000);
    write_dr2(0xffffffff80200000), write_dr3(0xffff800000000000);
    write_dr7(0x4ff); /* execution breakpoints at the hypervisor's usual addresses */
    for (u32 i = 0; i < 10000; i++)
        (void)cpuid(0, 0);
    write_dr7(0x400);
    write_dr0(0), write_dr1(0), write_dr2(0), write_dr3(0);
}

GUEST_TEST(invalidations)
{
    static const u64 descriptor[2] = {0, 1ull << 47};

    EXPECT_NO_FAULT(invlpg(0x800000000000));
    if ((cpuid(7, 0).ebx & BIT(10)) == 0)
        SKIP("no INVPCID");
    EXPECT_FAULT_CODE(VEC_GP, 0, {
        __asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"(0ull) : "memory");
    });
    EXPECT_FAULT_CODE(VEC_GP, 0, {
        __asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"(4ull) : "memory");
    });
    EXPECT_NO_FAULT(__asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"(2ull) : "memory"));
}

GUEST_TEST(cache_control)
{
    EXPECT_NO_FAULT(__asm__ volatile("wbinvd" ::: "memory"));
    EXPECT_NO_FAULT(write_cr0(read_cr0() | CR0_CD));
    EXPECT_NO_FAULT(write_cr0(read_cr0() & ~CR0_CD));
    EXPECT_FAULT_CODE(VEC_GP, 0, __asm__ volatile("rdpmc" : : "c"(0x7fffffff) : "rax", "rdx"));
}
