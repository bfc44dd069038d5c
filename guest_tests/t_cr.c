/* Control registers, EFER and XCR0: what the SDM forbids is #GP(0) and changes nothing,
 * what it allows sticks.  SDM Vol. 3A, "Control Registers"; (threats.md, S07, S08) */
#include "guest_tests/rt/guest.h"

static u64 efer(void)
{
    return rdmsr(MSR_EFER);
}

GUEST_TEST(cr0_bad_values)
{
    const u64 cr0 = read_cr0();
    const u64 bad[] = {
        cr0 & ~CR0_PE, cr0 & ~CR0_PG, (cr0 | CR0_NW) & ~CR0_CD, cr0 & ~(CR0_PE | CR0_PG),
        cr0 | BIT(32), cr0 | BIT(63), cr0 | 0xffffffff00000000,
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (write_cr0_safe(bad[i]))
            FAIL("CR0 = 0x%llx is accepted", (unsigned long long)bad[i]);
        EXPECT_EQ(read_cr0(), cr0);
    }
}

GUEST_TEST(cr0_good_values_stick)
{
    const u64 cr0 = read_cr0();
    const u64 toggled[] = {CR0_MP, CR0_EM, CR0_TS, CR0_NE, CR0_WP, CR0_AM, CR0_CD, CR0_CD | CR0_NW};

    for (size_t i = 0; i < ARRAY_LEN(toggled); i++)
        for (u32 on = 0; on < 2; on++) {
            const u64 value = on ? cr0 | toggled[i] : cr0 & ~toggled[i];

            if (!write_cr0_safe(value) || read_cr0() != value)
                FAIL("CR0 = 0x%llx reads 0x%llx", (unsigned long long)value,
                     (unsigned long long)read_cr0());
        }
    write_cr0(cr0);
}

GUEST_TEST(cr0_reserved_bits_stay_clear)
{
    const u64 cr0 = read_cr0();

    EXPECT_TRUE(write_cr0_safe(cr0 | BIT(6) | BIT(15) | BIT(28)));
    EXPECT_EQ(read_cr0(), cr0);
    EXPECT_TRUE(write_cr0_safe(cr0 & ~CR0_ET));
    EXPECT_EQ(read_cr0(), cr0 | CR0_ET);
    write_cr0(cr0);
}

GUEST_TEST(task_switched_flag)
{
    const u64 cr0 = read_cr0();
    u64 word = 0;

    write_cr0((cr0 | CR0_TS) & ~(CR0_EM | CR0_MP));
    EXPECT_FAULT(VEC_NM, __asm__ volatile("fninit"));
    __asm__ volatile("clts");
    EXPECT_EQ(read_cr0() & CR0_TS, 0);
    EXPECT_NO_FAULT(__asm__ volatile("fninit"));
    __asm__ volatile("smsw %0" : "=r"(word));
    EXPECT_EQ(word, read_cr0());
    __asm__ volatile("lmsw %w0" : : "r"(word | CR0_TS));
    EXPECT_EQ(read_cr0() & CR0_TS, CR0_TS);
    __asm__ volatile("lmsw %w0" : : "r"(0ull)); /* cannot clear PE */
    EXPECT_EQ(read_cr0() & 0xf, CR0_PE);
    write_cr0(cr0);
}

/* The CR4 bits that CPUID promises. */
static u64 cr4_allowed(void)
{
    const struct cpuid one = cpuid(1, 0), seven = cpuid(7, 0);
    u64 bits =
        CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    if (one.edx & BIT(1))
        bits |= CR4_VME | CR4_PVI;
    if (one.edx & BIT(7))
        bits |= CR4_MCE;
    if (one.ecx & BIT(17))
        bits |= CR4_PCIDE;
    if (one.ecx & BIT(26))
        bits |= CR4_OSXSAVE;
    if (one.ecx & BIT(5))
        bits |= CR4_VMXE;
    if (seven.ebx & BIT(0))
        bits |= BIT(16);
    if (seven.ebx & BIT(7))
        bits |= BIT(20);
    if (seven.ebx & BIT(20))
        bits |= BIT(21);
    if (seven.ecx & BIT(2))
        bits |= BIT(11);
    if (seven.ecx & BIT(3))
        bits |= BIT(22);
    return bits;
}

GUEST_TEST(cr4_every_bit)
{
    const u64 cr4 = read_cr4(), allowed = cr4_allowed();
    u64 *top = (u64 *)(read_cr3() & ~0xfffull);

    *top &= ~PAGE_U; /* for SMEP and SMAP: this program lies in user pages */
    write_cr3(read_cr3());
    for (u32 bit = 0; bit < 64; bit++) {
        const u64 value = cr4 ^ BIT(bit);
        const bool legal = (allowed & BIT(bit)) && BIT(bit) != CR4_PAE;

        if (write_cr4_safe(value) != legal)
            FAIL("CR4 = 0x%llx: legal %u", (unsigned long long)value, legal);
        if (read_cr4() != (legal ? value : cr4))
            FAIL("CR4 bit %u reads 0x%llx", bit, (unsigned long long)read_cr4());
        write_cr4(cr4);
    }
    *top |= PAGE_U;
    write_cr3(read_cr3());
}

GUEST_TEST(pcid_rules)
{
    const u64 cr4 = read_cr4(), cr3 = read_cr3();

    if ((cpuid(1, 0).ecx & BIT(17)) == 0)
        SKIP("no PCID");
    EXPECT_FAULT_CODE(VEC_GP, 0, write_cr3(cr3 | BIT(63)));
    write_cr3(cr3 | 0x18); /* CR3[11:0] is not 0 */
    EXPECT_FALSE(write_cr4_safe(cr4 | CR4_PCIDE));
    write_cr3(cr3);
    EXPECT_TRUE(write_cr4_safe(cr4 | CR4_PCIDE));
    EXPECT_NO_FAULT(write_cr3(cr3 | 5));
    EXPECT_EQ(read_cr3(), cr3 | 5);
    EXPECT_NO_FAULT(write_cr3(cr3 | 5 | BIT(63)));
    EXPECT_EQ(read_cr3(), cr3 | 5);
    write_cr3(cr3);
    write_cr4(cr4);
}

GUEST_TEST(cr3_reserved_bits)
{
    const u64 cr3 = read_cr3();
    const u32 width = cpuid(0x80000008, 0).eax & 0xff;

    for (u32 bit = width; bit < 63; bit++)
        EXPECT_FAULT_CODE(VEC_GP, 0, write_cr3(cr3 | BIT(bit)));
    EXPECT_EQ(read_cr3(), cr3);
}

GUEST_TEST(cr8_and_missing_registers)
{
    for (u64 value = 0; value < 16; value++) {
        write_cr8(value);
        EXPECT_EQ(read_cr8(), value);
    }
    write_cr8(0);
    EXPECT_FAULT_CODE(VEC_GP, 0, write_cr8(16));
    EXPECT_FAULT_CODE(VEC_GP, 0, write_cr8(BIT(63)));
    EXPECT_FAULT(VEC_UD, __asm__ volatile(".byte 0x0f, 0x20, 0xc8" ::: "rax"));          /* CR1 */
    EXPECT_FAULT(VEC_UD, __asm__ volatile(".byte 0x0f, 0x22, 0xe8" ::: "memory"));       /* CR5 */
    EXPECT_FAULT(VEC_UD, __asm__ volatile(".byte 0x44, 0x0f, 0x22, 0xc8" ::: "memory")); /* CR9 */
}

GUEST_TEST(efer_rules)
{
    const u64 old = efer();

    EXPECT_EQ(old & (EFER_LME | EFER_LMA), EFER_LME | EFER_LMA);
    EXPECT_FALSE(wrmsr_safe(MSR_EFER, old & ~EFER_LME));
    for (u32 bit = 0; bit < 64; bit++)
        if ((BIT(bit) & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) == 0)
            if (wrmsr_safe(MSR_EFER, old | BIT(bit)))
                FAIL("EFER bit %u is accepted", bit);
    EXPECT_EQ(efer(), old);
    EXPECT_TRUE(wrmsr_safe(MSR_EFER, old ^ EFER_SCE));
    EXPECT_EQ(efer(), old ^ EFER_SCE);
    EXPECT_TRUE(wrmsr_safe(MSR_EFER, old ^ EFER_NXE));
    EXPECT_EQ(efer(), old ^ EFER_NXE);
    wrmsr(MSR_EFER, old);
}

GUEST_TEST(no_execute)
{
    const u64 page = 0x3000000, old = efer();
    void (*const code)(void) = (void (*)(void))page;

    *(volatile u8 *)page = 0xc3; /* RET */
    wrmsr(MSR_EFER, old | EFER_NXE);
    page_set(page, page | PAGE_P | PAGE_W | PAGE_U | PAGE_NX);
    EXPECT_FAULT_CODE(VEC_PF, 0x11, code());
    page_set(page, page | PAGE_P | PAGE_W | PAGE_U);
    EXPECT_NO_FAULT(code());
    wrmsr(MSR_EFER, old & ~EFER_NXE);
    page_set(page, page | PAGE_P | PAGE_W | PAGE_U | PAGE_NX);
    EXPECT_FAULT_CODE(VEC_PF, 0x0b, *(volatile u8 *)page = 0xc3); /* XD is a reserved bit */
    page_set(page, page | PAGE_P | PAGE_W | PAGE_U);
    wrmsr(MSR_EFER, old);
}

static bool xcr0_legal(u64 value, u64 supported)
{
    const u64 avx512 = BIT(5) | BIT(6) | BIT(7), mpx = BIT(3) | BIT(4);

    if ((value & ~supported) || (value & BIT(0)) == 0)
        return false;
    if ((value & BIT(2)) && (value & BIT(1)) == 0)
        return false;
    if ((value & mpx) && (value & mpx) != mpx)
        return false;
    return (value & avx512) == 0 || ((value & avx512) == avx512 && (value & BIT(2)));
}

GUEST_TEST(xcr0_values)
{
    const u64 cr4 = read_cr4();
    const u64 supported = (u64)cpuid(0xd, 0).edx << 32 | cpuid(0xd, 0).eax;
    u64 last = 1;

    write_cr4(cr4 & ~CR4_OSXSAVE);
    EXPECT_FAULT(VEC_UD, xsetbv(0, 1));
    write_cr4(cr4 | CR4_OSXSAVE);
    xsetbv(0, last);
    for (u64 value = 0; value < 0x800; value++) {
        const bool legal = xcr0_legal(value, supported);

        if (xsetbv_safe(0, value) != legal)
            FAIL("XCR0 = 0x%llx: legal %u", (unsigned long long)value, legal);
        if (legal)
            last = value;
        EXPECT_EQ(xgetbv(0), last);
    }
    for (u32 bit = 11; bit < 64; bit++)
        if ((supported & BIT(bit)) == 0)
            EXPECT_FALSE(xsetbv_safe(0, 1 | BIT(bit)));
    EXPECT_FALSE(xsetbv_safe(1, 1));
    EXPECT_FALSE(xsetbv_safe(0xffffffff, 1));
    xsetbv(0, 1);
    write_cr4(cr4);
}

static void user_xsetbv(void)
{
    xsetbv(0, 1);
}

static void user_read_cr0(void)
{
    (void)read_cr0();
}

static void user_rdtsc(void)
{
    (void)rdtsc();
}

GUEST_TEST(user_mode_may_not)
{
    const u64 cr4 = read_cr4();

    write_cr4(cr4 | CR4_OSXSAVE);
    EXPECT_FAULT_CODE(VEC_GP, 0, user_call(user_xsetbv));
    EXPECT_FAULT_CODE(VEC_GP, 0, user_call(user_read_cr0));
    EXPECT_FAULT(VEC_USER_DONE, user_call(user_rdtsc));
    write_cr4(cr4 | CR4_TSD);
    EXPECT_FAULT_CODE(VEC_GP, 0, user_call(user_rdtsc));
    write_cr4(cr4);
}
