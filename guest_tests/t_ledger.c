/* The ledger: marks are taken, and each misuse of them is refused.  What was counted between them
 * is Lintel's to say; guest_tests/list.txt has the figures.  On the command line "off": a guest
 * that may not mark. */
#include "abi/errors.h"
#include "abi/ledger.h"
#include "guest_tests/rt/guest.h"

enum { BEGIN = 1, END = 2 }; /* include/abi/hypercalls.def */

#define NEEDS_LEDGER(on)                                                                           \
    do {                                                                                           \
        if ((strcmp(cmdline, "off") != 0) != (on))                                                 \
            SKIP((on) ? "without the ledger" : "with the ledger");                                 \
    } while (0)

static i64 begin(u64 op)
{
    return (i64)vmcall(BEGIN, op, 0);
}

static i64 end(u64 op, u64 times)
{
    return (i64)vmcall(END, op, times);
}

static void some_exits(u32 cpuids, u32 ins)
{
    for (u32 i = 0; i < cpuids; i++)
        (void)cpuid(0, 0);
    for (u32 i = 0; i < ins; i++)
        (void)inb(PIC1_DATA);
}

GUEST_TEST(off)
{
    NEEDS_LEDGER(false);
    EXPECT_EQ(begin(LEDGER_OP_user0), ABI_EPERM);
    EXPECT_EQ(end(LEDGER_OP_boot, 1), ABI_EPERM);
    outb(LEDGER_PORT, LEDGER_END | LEDGER_OP_boot);
    EXPECT_EQ(inb(LEDGER_PORT), 0xff);
}

/* From the first instruction to here: no other operation can be marked meanwhile. */
GUEST_TEST(boot)
{
    NEEDS_LEDGER(true);
    EXPECT_EQ(begin(LEDGER_OP_user0), ABI_EINVAL);
    EXPECT_EQ(begin(LEDGER_OP_boot), ABI_EINVAL);
    EXPECT_EQ(end(LEDGER_OP_user0, 1), ABI_EINVAL);
    EXPECT_EQ(end(LEDGER_OP_boot, 1), ABI_OK);
    EXPECT_EQ(end(LEDGER_OP_boot, 1), ABI_EINVAL);
}

/* Ten, in one span and in ten. */
GUEST_TEST(exact_counts)
{
    NEEDS_LEDGER(true);
    EXPECT_EQ(begin(LEDGER_OP_user0), ABI_OK);
    some_exits(10, 0);
    EXPECT_EQ(end(LEDGER_OP_user0, 0), ABI_OK);
    for (u32 i = 0; i < 10; i++) {
        some_exits(3, 3);
        EXPECT_EQ(begin(LEDGER_OP_user1), ABI_OK);
        some_exits(1, 2);
        EXPECT_EQ(end(LEDGER_OP_user1, 1), ABI_OK);
    }
    EXPECT_EQ(begin(LEDGER_OP_user2), ABI_OK);
    EXPECT_EQ(end(LEDGER_OP_user2, 1), ABI_OK);
}

GUEST_TEST(marks_by_port)
{
    static const u8 both[] = {LEDGER_OP_user5, LEDGER_END | LEDGER_OP_user5};
    const u8 *at = both;
    u64 count = sizeof(both);

    NEEDS_LEDGER(true);
    outb(LEDGER_PORT, LEDGER_OP_user3);
    some_exits(10, 5);
    outl(LEDGER_PORT, LEDGER_END | LEDGER_OP_user3 | 1000u << LEDGER_TIMES_SHIFT);
    outb(LEDGER_PORT, LEDGER_OP_user4); /* one kind of mark begins, the other ends */
    some_exits(4, 0);
    EXPECT_EQ(end(LEDGER_OP_user4, 2), ABI_OK);
    __asm__ volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(LEDGER_PORT) : "memory");
    EXPECT_EQ(inb(LEDGER_PORT), 0xff);
}

GUEST_TEST(misuse)
{
    static const u64 unknown[] = {9,    15, 24, 31, 32, 0x7f, 0xffffffff, BIT(32) | LEDGER_OP_user6,
                                  ~0ull};

    NEEDS_LEDGER(true);
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        EXPECT_EQ(begin(unknown[i]), ABI_EINVAL);
        EXPECT_EQ(end(unknown[i], 1), ABI_EINVAL);
    }
    EXPECT_EQ(begin(LEDGER_OP_user6), ABI_OK);
    EXPECT_EQ(begin(LEDGER_OP_user6), ABI_EINVAL);
    EXPECT_EQ(begin(LEDGER_OP_user7), ABI_EINVAL);
    EXPECT_EQ(end(LEDGER_OP_user7, 1), ABI_EINVAL);
    EXPECT_EQ(end(LEDGER_OP_user6, LEDGER_TIMES_MAX + 1ull), ABI_EINVAL);
    EXPECT_EQ(end(LEDGER_OP_user6, 1), ABI_OK);
    outb(LEDGER_PORT, 0x7f);
    outb(LEDGER_PORT, 0xff);
    outw(LEDGER_PORT, 0x100 | LEDGER_OP_user7); /* how many, at the beginning */
    outb(LEDGER_PORT + 1, LEDGER_OP_user7);     /* nobody's port */
    outw(LEDGER_PORT - 1, LEDGER_OP_user7 << 8);
    EXPECT_EQ(end(LEDGER_OP_user7, 1), ABI_EINVAL); /* so it had not begun */
}
