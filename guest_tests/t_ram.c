/* All of the guest's RAM: zero at the start, whatever a guest before left there (S14), each
 * byte its own; and code that changes itself. The list runs this image twice in a row. */
#include "guest_tests/rt/guest.h"

#define CANARY 0xca9a91eca9a91e55ull

extern u8 _guest_end[];

static u64 *ram_start(void)
{
    return (u64 *)ALIGN_UP((u64)_guest_end, LARGE_PAGE_SIZE);
}

/* machine.memory leaves the hole below 1 MiB out; the top is a multiple of 2 MiB. */
static u64 *ram_end(void)
{
    return (u64 *)MIN(ALIGN_UP(machine.memory, LARGE_PAGE_SIZE), 0x80000000ull);
}

GUEST_TEST(no_stale_data)
{
    u64 dirty = 0, canaries = 0;
    const u64 *first = NULL;

    for (const u64 *p = ram_start(); p < ram_end(); p++) {
        if (*p == 0)
            continue;
        if (first == NULL)
            first = p;
        dirty++;
        canaries += *p == CANARY;
    }
    EXPECT_EQ(canaries, 0);
    if (dirty != 0)
        FAIL("%llu words of fresh RAM are not zero, the first at %p", (unsigned long long)dirty,
             (const void *)first);
}

GUEST_TEST(low_memory_is_ram)
{
    static const u64 at[] = {0x600, 0x1000, 0x7c00, 0x50000, 0x9e000};

    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        volatile u64 *p = (volatile u64 *)at[i];
        const u64 old = *p;

        *p = CANARY ^ at[i];
        EXPECT_EQ(*p, CANARY ^ at[i]);
        *p = old;
    }
}

GUEST_TEST(every_word_is_its_own)
{
    u64 wrong = 0;

    for (u64 *p = ram_start(); p < ram_end(); p++)
        *p = (u64)p ^ CANARY;
    for (const u64 *p = ram_start(); p < ram_end(); p++)
        wrong += *p != ((u64)p ^ CANARY);
    EXPECT_EQ(wrong, 0);
    for (u64 *p = ram_start(); p < ram_end(); p++)
        *p = CANARY; /* for the next guest to find, if it could */
}

GUEST_TEST(last_byte)
{
    volatile u8 *p = (volatile u8 *)ram_end() - 1;

    *p = 0x5a;
    EXPECT_EQ(*p, 0x5a);
}

GUEST_TEST(self_modifying_code)
{
    /* MOV EAX, imm32; RET */
    static const u8 code[] = {0xb8, 0, 0, 0, 0, 0xc3};
    u8 *const page = (u8 *)ram_start();
    u32 (*const call)(void) = (u32(*)(void))(u64)page;
    u32 wrong = 0;

    memcpy(page, code, sizeof(code));
    for (u32 i = 0; i < 10000; i++) {
        *(volatile u32 *)(page + 1) = i;
        wrong += call() != i;
    }
    EXPECT_EQ(wrong, 0);
}

/* The same, written through another linear address of the same page, with an exit between. */
GUEST_TEST(code_changed_through_an_alias)
{
    static const u8 code[] = {0xb8, 0, 0, 0, 0, 0xc3};
    u8 *const page = (u8 *)ram_start();
    const u64 alias = (u64)page + 2 * LARGE_PAGE_SIZE;
    u32 (*const call)(void) = (u32(*)(void))(u64)page;
    u32 wrong = 0;

    if ((u64 *)(alias + LARGE_PAGE_SIZE) > ram_end())
        SKIP("too little memory");
    memcpy(page, code, sizeof(code));
    page_set(alias, (u64)page | PAGE_P | PAGE_W | PAGE_U);
    for (u32 i = 0; i < 2000; i++) {
        *(volatile u32 *)(alias + 1) = i;
        (void)cpuid(0, 0);
        wrong += call() != i;
    }
    page_set(alias, alias | PAGE_P | PAGE_W | PAGE_U);
    EXPECT_EQ(wrong, 0);
}
