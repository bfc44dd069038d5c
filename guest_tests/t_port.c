/* All 65,536 ports in every width: those of no device read as ones, and neither a read nor
 * a write to the dangerous ones reaches the machine below.  (threats.md, S06) */
#include "guest_tests/rt/guest.h"

static const struct {
    u16 first, last;
} claimed[] = {
    {0x20, 0x21},   {0x40, 0x43},   {0x60, 0x61},   {0x64, 0x64}, {0x70, 0x71},
    {0x80, 0x80},   {0x92, 0x92},   {0xa0, 0xa1},   {0xf4, 0xf4}, {0x3f8, 0x3ff},
    {0x4d0, 0x4d1}, {0x600, 0x60b}, {0xcf8, 0xcff},
};

static bool is_claimed(u32 port, u32 size)
{
    for (size_t i = 0; i < ARRAY_LEN(claimed); i++)
        if (port <= claimed[i].last && port + size > claimed[i].first)
            return true;
    return false;
}

static u32 read_port(u16 port, u32 size)
{
    switch (size) {
    case 1: return inb(port);
    case 2: return inw(port);
    default: return inl(port);
    }
}

static void write_port(u16 port, u32 size, u32 value)
{
    switch (size) {
    case 1: outb(port, (u8)value); break;
    case 2: outw(port, (u16)value); break;
    default: outl(port, value); break;
    }
}

static void read_all(u32 size)
{
    const u32 ones = size == 4 ? ~0u : (1u << size * 8) - 1;

    for (u32 port = 0; port <= 0xffff; port++) {
        const u32 value = read_port((u16)port, size);

        if (!is_claimed(port, size) && value != ones)
            FAIL("port 0x%x, %u bytes: 0x%x", port, size, value);
    }
}

GUEST_TEST(read_bytes)
{
    read_all(1);
}

GUEST_TEST(read_words)
{
    read_all(2);
}

GUEST_TEST(read_dwords)
{
    read_all(4);
}

GUEST_TEST(in_keeps_the_rest_of_rax)
{
    u64 a = 0x1122334455667788;

    __asm__ volatile("inb %%dx, %%al" : "+a"(a) : "d"((u16)0x1234));
    EXPECT_EQ(a, 0x11223344556677ff);
    a = 0x1122334455667788;
    __asm__ volatile("inw %%dx, %%ax" : "+a"(a) : "d"((u16)0x1234));
    EXPECT_EQ(a, 0x112233445566ffff);
    a = 0x1122334455667788;
    __asm__ volatile("inl %%dx, %%eax" : "+a"(a) : "d"((u16)0x1234));
    EXPECT_EQ(a, 0xffffffff);
}

/* SMI command, DMA, IDE, floppy, VGA, PCI config of the host, shut-down ports of emulators,
 * and the last ports, where an access runs over the end. */
GUEST_TEST(dangerous_writes)
{
    static const u16 ports[] = {0x00,   0x0b,   0x81,   0xb2,   0xb3,   0xd0,   0xe9,  0x1f0,
                                0x1f7,  0x2f8,  0x3b4,  0x3c0,  0x3c8,  0x3d4,  0x3f2, 0x3f5,
                                0x3f6,  0x4d6,  0x402,  0x501,  0x510,  0x1ce,  0x1cf, 0xb004,
                                0xb008, 0xafe0, 0x8900, 0x8a00, 0xfffd, 0xfffe, 0xffff};

    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        for (u32 size = 1; size <= 4; size *= 2) {
            if (is_claimed(ports[i], size)) /* the wide ones may reach the console */
                continue;
            EXPECT_NO_FAULT(write_port(ports[i], size, 0x2000));
            EXPECT_NO_FAULT(write_port(ports[i], size, 0));
        }
}

GUEST_TEST(cmos_index)
{
    u8 zero = 0;

    for (u32 i = 0; i < 256; i++) {
        outb(0x70, (u8)i);
        zero |= inb(0x71);
    }
    EXPECT_NE(zero, 0);
    outb(0x70, 0x0d);
    EXPECT_EQ(inb(0x71) & 0x80, 0x80); /* RTC battery good */
}

GUEST_TEST(pci_bus_is_empty)
{
    for (u32 device = 0; device < 32; device++) {
        outl(0xcf8, 0x80000000u | device << 11);
        EXPECT_EQ(inl(0xcf8), 0x80000000u | device << 11);
        EXPECT_EQ(inl(0xcfc), 0xffffffff);
        EXPECT_EQ(inw(0xcfe), 0xffff);
    }
    outl(0xcf8, 0);
}

static u8 buffer[64] __attribute__((aligned(16)));

GUEST_TEST(string_io)
{
    void *to = buffer;
    const void *from = buffer;
    u64 count = 8;

    memset(buffer, 0, sizeof(buffer));
    __asm__ volatile("cld; rep insb" : "+D"(to), "+c"(count) : "d"((u16)0x1234) : "memory");
    EXPECT_EQ(count, 0);
    EXPECT_EQ((u64)to, (u64)buffer + 8);
    EXPECT_EQ(*(u64 *)buffer, ~0ull);
    EXPECT_EQ(buffer[8], 0);
    count = 3, to = buffer + 20;
    __asm__ volatile("std; rep insl; cld" : "+D"(to), "+c"(count) : "d"((u16)0x1234) : "memory");
    EXPECT_EQ((u64)to, (u64)buffer + 8);
    EXPECT_EQ(buffer[11], 0);
    EXPECT_EQ(*(u32 *)(buffer + 12), 0xffffffff);
    EXPECT_EQ(buffer[24], 0);
    count = 4;
    __asm__ volatile("rep outsw" : "+S"(from), "+c"(count) : "d"((u16)0x1234) : "memory");
    EXPECT_EQ(count, 0);
    EXPECT_EQ((u64)from, (u64)buffer + 8);
    count = 0, to = buffer;
    __asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"((u16)0x1234) : "memory");
    EXPECT_EQ((u64)to, (u64)buffer);
}

/* The page that INS would write is absent: #PF, nothing lost, and the address is right. */
GUEST_TEST(string_io_page_fault)
{
    const u64 page = 0x3000000;

    page_set(page, 0);
    EXPECT_FAULT_CODE(VEC_PF, 2, {
        void *to = (void *)page;
        __asm__ volatile("insb" : "+D"(to) : "d"((u16)0x1234) : "memory");
    });
    EXPECT_EQ(fault.cr2, page);
    page_set(page, page | PAGE_P | PAGE_W | PAGE_U);
}

static void user_in(void)
{
    (void)inb(0x1234);
}

GUEST_TEST(user_has_no_ports)
{
    EXPECT_FAULT_CODE(VEC_GP, 0, user_call(user_in));
}

/* A keyboard controller that passes its self-test, with nobody behind it. */
GUEST_TEST(keyboard_controller)
{
    (void)inb(0x60);
    outb(0x64, 0xaa);
    EXPECT_EQ(inb(0x64) & 1, 1);
    EXPECT_EQ(inb(0x60), 0x55);
    outb(0x60, 0xff); /* reset the keyboard: no answer */
    EXPECT_EQ(inb(0x64) & 1, 0);
}

/* Lines that are edge-triggered by nature cannot be made level-triggered. */
GUEST_TEST(edge_or_level)
{
    outb(0x4d0, 0xff);
    outb(0x4d1, 0xff);
    EXPECT_EQ(inb(0x4d0), 0xf8);
    EXPECT_EQ(inb(0x4d1), 0xde);
    outb(0x4d0, 0);
    outb(0x4d1, 0);
    EXPECT_EQ(inb(0x4d0) | inb(0x4d1), 0);
}
