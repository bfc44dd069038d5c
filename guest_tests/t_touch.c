/* Memory that is mapped at its first access (guest key `touch`): each page comes once, zeroed and
 * its own, whatever touches it first.  The list's row checks how many the host counted. */
#include "guest_tests/rt/guest.h"

#define FIRST 0x600000ull /* far from the image and its page tables */
#define PAGES 1000u
#define EXIT  40u /* ticks between two RDTSC: there was an exit */

extern u8 _guest_end[];

static u32 exits;

static u64 touch(volatile u64 *word)
{
    const u64 start = rdtsc();
    const u64 value = *word;

    exits += rdtsc() - start > EXIT;
    return value;
}

GUEST_TEST(each_page_comes_once)
{
    u64 dirty = 0, wrong = 0;

    EXPECT_TRUE((u64)_guest_end < FIRST);
    exits = 0;
    for (u64 i = 0; i < PAGES; i++)
        dirty |= touch((volatile u64 *)(FIRST + i * PAGE_SIZE + 8 * (i % 512)));
    EXPECT_EQ(dirty, 0);
    EXPECT_TRUE(exits >= PAGES);
    for (u64 i = 0; i < PAGES; i++)
        *(volatile u64 *)(FIRST + i * PAGE_SIZE) = i;
    exits = 0;
    for (u64 i = 0; i < PAGES; i++)
        wrong += touch((volatile u64 *)(FIRST + i * PAGE_SIZE)) != i;
    EXPECT_EQ(wrong, 0);
    EXPECT_TRUE(exits < PAGES / 100); /* a timer's, at most */
}

/* The first access is a write, a fetch, and a string that crosses from one fresh page into another.
 */
GUEST_TEST(every_kind_of_access)
{
    u8 *const page = (u8 *)FIRST + 2 * PAGES * PAGE_SIZE;

    *(volatile u32 *)page = 0x12345678;
    EXPECT_EQ(*(volatile u32 *)page, 0x12345678);
    __asm__ volatile("rep stosb" ::"D"(page + 2 * PAGE_SIZE - 8), "c"(16ull), "a"(0xc3) : "memory");
    EXPECT_EQ(page[2 * PAGE_SIZE - 1], 0xc3);
    EXPECT_EQ(page[2 * PAGE_SIZE], 0xc3);
    ((void (*)(void))(page + 2 * PAGE_SIZE))(); /* RET */
    EXPECT_EQ(*(volatile u64 *)(page + 5 * PAGE_SIZE), 0);
}
