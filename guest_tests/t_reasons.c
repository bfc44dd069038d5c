/* VM exits that no other test makes, one each: INVD, the NMI window, MOV to every control register
 * that exits, every form of IN and OUT.  tools/coverage.txt says which test makes which. */
#include "guest_tests/rt/lapic.h"

#define DELAY_PORT 0x80

static volatile u64 word = 0x1122334455667788;

/* Drops nothing that was written: the caches are shared with those who have no say in it. */
GUEST_TEST(invd)
{
    word = 0x8877665544332211;
    EXPECT_NO_FAULT(__asm__ volatile("invd" ::: "memory"));
    EXPECT_EQ(word, 0x8877665544332211);
}

static void invd_from_user(void)
{
    __asm__ volatile("invd" ::: "memory");
}

GUEST_TEST(invd_needs_cpl_0)
{
    EXPECT_FAULT_CODE(VEC_GP, 0, user_call(invd_from_user));
}

static volatile u32 nmis, nmis_inside;

static void send_another(struct frame *f)
{
    (void)f;
    if (nmis++ != 0)
        return;
    lapic_put(ICR_HIGH, lapic_get(ID));
    lapic_put(ICR_LOW, NMI);
    __asm__ volatile("nop; nop; nop; nop" ::: "memory");
    nmis_inside = nmis;
}

/* An NMI that comes during another waits for its IRET.  SDM Vol. 3A, "Handling Multiple NMIs". */
GUEST_TEST(nmi_waits_for_iret)
{
    lapic_fresh();
    nmis = nmis_inside = 0;
    on_vector(VEC_NMI, send_another);
    lapic_put(ICR_HIGH, lapic_get(ID));
    lapic_put(ICR_LOW, NMI);
    __asm__ volatile("nop; nop; nop; nop" ::: "memory");
    on_vector(VEC_NMI, NULL);
    EXPECT_EQ(nmis_inside, 1);
    EXPECT_EQ(nmis, 2);
}

/* MOV to CR0 of a bit of Lintel's, to CR4 of one, to CR8; MOV from CR8. */
GUEST_TEST(control_registers)
{
    const u64 cr0 = read_cr0(), cr4 = read_cr4();

    write_cr0(cr0 | CR0_CD);
    EXPECT_EQ(read_cr0(), cr0 | CR0_CD);
    write_cr0(cr0);
    EXPECT_EQ(read_cr0(), cr0);
    EXPECT_FALSE(write_cr4_safe(cr4 | BIT(31))); /* reserved */
    EXPECT_EQ(read_cr4(), cr4);
    write_cr8(5);
    EXPECT_EQ(read_cr8(), 5);
    write_cr8(0);
    EXPECT_EQ(read_cr8(), 0);
}

static void control_registers_from_user(void)
{
    __asm__ volatile("mov %%cr8, %%rax" : : : "rax");
}

GUEST_TEST(control_registers_need_cpl_0)
{
    EXPECT_FAULT_CODE(VEC_GP, 0, user_call(control_registers_from_user));
}

/* Immediate and DX, three sizes, and the string forms without REP. */
GUEST_TEST(port_forms)
{
    u8 bytes[4] = {1, 2, 3, 4};
    const void *from = bytes;
    void *to = bytes;
    u64 a = 0xffffffffffffffff;

    __asm__ volatile("inb $0x21, %%al" : "+a"(a));
    EXPECT_EQ(a >> 8, 0xffffffffffffff);
    __asm__ volatile("outb %%al, $0x80" : : "a"(a));
    a = 0;
    __asm__ volatile("inw %%dx, %%ax" : "+a"(a) : "d"(0x1234));
    EXPECT_EQ(a, 0xffff);
    __asm__ volatile("inl %%dx, %%eax" : "+a"(a) : "d"(0x1234));
    EXPECT_EQ(a, 0xffffffff);
    __asm__ volatile("outw %%ax, %%dx; outl %%eax, %%dx" : : "a"(a), "d"(0x1234));
    __asm__ volatile("outsb" : "+S"(from) : "d"(DELAY_PORT) : "memory");
    EXPECT_EQ((u64)from, (u64)bytes + 1);
    __asm__ volatile("insl" : "+D"(to) : "d"(0x1234) : "memory");
    EXPECT_EQ((u64)to, (u64)bytes + 4);
    EXPECT_EQ(bytes[0] & bytes[1] & bytes[2] & bytes[3], 0xff);
}
