/* Long mode, compatibility, protected with three kinds of paging, real mode, and back; with
 * CPUID, port I/O, MSRs, interrupts and HLT in them.  The walk itself: rt/modes.asm. */
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/modes.h"

static u32 pages32[1024] __attribute__((aligned(4096)));
static u64 pdpt_pae[4] __attribute__((aligned(32)));
static u64 directory_pae[512] __attribute__((aligned(4096)));

static void *low(u64 address)
{
    __asm__("" : "+r"(address)); /* an address near 0 is not a null pointer here */
    return (void *)address;
}

static u64 in_copy(const u8 *label)
{
    return MODES_CODE + (u64)(label - modes_start);
}

static void prepare(void)
{
    u32 *const ivt = low(0), *const tables = low(MODES_TABLES);
    u64 *const idt32 = low(MODES_IDT32);

    memset(low(MODES_RECORDS), 0, 0x700);
    memset(idt32, 0, 0x800);
    memcpy(low(MODES_CODE), modes_start, (size_t)(modes_end - modes_start));
    idt32[0x60] = in_copy(modes_int32) | (u64)SEL_CODE32 << 16 | 0x8eull << 40;
    ivt[0x60] = (u32)in_copy(modes_int16);
    ivt[VEC_IRQ0] = (u32)in_copy(modes_irq16);
    for (u32 i = 0; i < 1024; i++)
        pages32[i] = i << 22 | (u32)(PAGE_P | PAGE_W | PAGE_PS);
    for (u64 i = 0; i < 512; i++)
        directory_pae[i] = i << 21 | PAGE_P | PAGE_W | PAGE_PS;
    pdpt_pae[0] = (u64)directory_pae | PAGE_P;
    tables[0] = (u32)(u64)pages32;
    tables[1] = (u32)(u64)pdpt_pae;
}

static void walk(void)
{
    prepare();
    pit_one_shot(3000);
    ((void (*)(void))MODES_CODE)();
    pit_stop();
}

GUEST_TEST(every_mode)
{
    const struct cpuid leaf = cpuid(0, 0);
    const struct modes_record *r = low(MODES_RECORDS);
    /* PG and PE of CR0, LMA and LME of EFER, mode by mode */
    static const u32 cr0[MODES] = {0x80000001, 1, 0x80000001, 0x80000001, 1, 0, 1, 0x80000001};
    static const u32 efer[MODES] = {0x500, 0, 0, 0, 0, 0, 0, 0x500};

    walk();
    for (u32 i = 0; i < MODES; i++) {
        EXPECT_EQ(r[i].mark, 0x600d0000 + i);
        EXPECT_EQ(r[i].cr0 & 0x80000001, cr0[i]);
        EXPECT_EQ(r[i].efer & 0x500, efer[i]);
        EXPECT_EQ(r[i].eax, leaf.eax);
        EXPECT_EQ(r[i].ebx, leaf.ebx);
        EXPECT_EQ(r[i].ecx, leaf.ecx);
        EXPECT_EQ(r[i].edx, leaf.edx);
        EXPECT_EQ(r[i].pic_mask, 0xff);
    }
}

GUEST_TEST(interrupts_in_the_modes)
{
    const u32 *counts = low(MODES_COUNTS);

    walk();
    EXPECT_EQ(counts[0], 3);
    EXPECT_EQ(counts[1], 1);
    EXPECT_EQ(counts[2], 1);
}

GUEST_TEST(a_hundred_walks)
{
    const struct modes_record *r = low(MODES_RECORDS);

    for (u32 i = 0; i < 100; i++) {
        walk();
        if (r[MODE_COMPAT_AGAIN].mark != 0x600d0000 + MODE_COMPAT_AGAIN)
            FAIL("walk %u did not end", i);
    }
}

GUEST_TEST(long_mode_state_is_back)
{
    const u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4(), efer = rdmsr(MSR_EFER);

    walk();
    EXPECT_EQ(read_cr0(), cr0);
    EXPECT_EQ(read_cr3(), cr3);
    EXPECT_EQ(read_cr4(), cr4);
    EXPECT_EQ(rdmsr(MSR_EFER), efer);
    EXPECT_FAULT(VEC_UD, __asm__ volatile("ud2"));
}

#define TSS16 0x81ull
#define TSS32 0x89ull

static u8 other_tss[104] __attribute__((aligned(8)));

/* IA-32e mode with a 16-bit TSS: #GP(0), with a 32-bit one it goes on. The change of
 * CD makes the MOV an exit under Lintel; without it the processor judges. */
GUEST_TEST(ia32e_mode_wants_a_32_bit_tss)
{
    const u64 base = (u64)other_tss;
    const u64 descriptor = (sizeof(other_tss) - 1) | (base & 0xffffff) << 16 | (base >> 24) << 56;
    struct table_pointer pointer;
    u64 *slot, saved[2];

    __asm__ volatile("sgdt %0" : "=m"(pointer));
    slot = low(pointer.base + SEL_ABSENT);
    saved[0] = slot[0], saved[1] = slot[1];
    slot[1] = 0;
    slot[0] = descriptor | TSS32 << 40;
    EXPECT_EQ(enter_ia32e_with_tss(SEL_ABSENT, 0), 0);
    slot[0] = descriptor | TSS32 << 40;
    EXPECT_EQ(enter_ia32e_with_tss(SEL_ABSENT, CR0_CD), 0);
    slot[0] = descriptor | TSS16 << 40;
    EXPECT_EQ(enter_ia32e_with_tss(SEL_ABSENT, 0), VEC_GP << 16);
    slot[0] = descriptor | TSS16 << 40;
    EXPECT_EQ(enter_ia32e_with_tss(SEL_ABSENT, CR0_CD), VEC_GP << 16);
    slot[0] = saved[0], slot[1] = saved[1];
    EXPECT_FAULT(VEC_UD, __asm__ volatile("ud2"));
}

/* Real mode has no error codes, also for the #DF that a vector beyond the limit becomes.
 * Without room for that one: t_end.c. */
GUEST_TEST(double_fault_in_real_mode)
{
    EXPECT_EQ(real_mode_fault(0x3ff), VEC_GP << 16 | 6);
    EXPECT_EQ(real_mode_fault(8 * 4 + 3), VEC_DF << 16 | 6);
}
