/* Memory that is mapped at its first access (guest key `touch`): each page comes once, zeroed and
 * its own, whatever touches it first.  The list's row checks how many the host counted. */
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/lapic.h"

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

/* ---------------------------------------------------------------- events */

#define EVENT_STACKS (FIRST + 3 * PAGES * PAGE_SIZE)
#define IST1         36u /* in the TSS: exceptions; then #DB and NMI */
#define VEC_OWN      0x70u

extern u8 tss[];

static u32 counted, last_vector;
static u64 last_error, skip;

static void count(struct frame *f)
{
    counted++;
    last_vector = (u32)f->vector;
    last_error = f->error;
    f->rip += skip;
}

static void send_nmi(void)
{
    lapic_put(ICR_HIGH, lapic_get(ID));
    lapic_put(ICR_LOW, NMI);
    __asm__ volatile("nop; nop; nop; nop" ::: "memory");
}

static u64 *ist(u32 n)
{
    return (u64 *)(void *)(tss + IST1 + 8 * (n - 1));
}

/* The top of a stack that nobody has touched yet. */
static u64 fresh_stack(void)
{
    static u64 next = EVENT_STACKS;

    next += 4 * PAGE_SIZE;
    return next;
}

/* An event whose frame goes to a page that is not mapped: it comes all the same, and once.
 * SDM Vol. 3C, "Information for VM Exits That Occur During Event Delivery". */
#define EVENT(n, vec, code, bytes, ...)                                                            \
    do {                                                                                           \
        const u64 before = *ist(n);                                                                \
                                                                                                   \
        on_vector(vec, count);                                                                     \
        counted = 0, last_error = ~0ull, skip = (bytes);                                           \
        *ist(n) = fresh_stack();                                                                   \
        __VA_ARGS__;                                                                               \
        *ist(n) = before;                                                                          \
        on_vector(vec, NULL);                                                                      \
        EXPECT_EQ(counted, 1);                                                                     \
        EXPECT_EQ(last_vector, vec);                                                               \
        EXPECT_EQ(last_error, code);                                                               \
    } while (0)

GUEST_TEST(events_by_a_fresh_stack)
{
    for (u32 i = 0; i < 20; i++) {
        EVENT(1, VEC_UD, 0, 2, __asm__ volatile("ud2"));
        EVENT(1, VEC_BP, 0, 0, __asm__ volatile("int3"));
        EVENT(1, VEC_GP, 0xfff8, 2,
              __asm__ volatile("mov %0, %%ds"
                               :
                               : "a"(0xfff8)
                               : "memory"));                    /* 8e d8 */
        EVENT(2, VEC_DB, 0, 0, __asm__ volatile(".byte 0xf1")); /* INT1 */
        EVENT(3, VEC_NMI, 0, 0, send_nmi());
    }
}

/* Those without a stack of their own go to the current one. */
#define ON_STACK(top, insn)                                                                        \
    __asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp; " insn "; mov %%rbx, %%rsp"                 \
                     :                                                                             \
                     : "r"(top)                                                                    \
                     : "rbx", "memory", "cc")

GUEST_TEST(interrupts_to_a_fresh_stack)
{
    skip = 0;
    on_vector(VEC_OWN, count);
    for (u32 i = 1; i <= 20; i++) {
        const u64 ticks = vector_count[VEC_IRQ0];

        counted = 0;
        ON_STACK(fresh_stack(), "int $0x70");
        EXPECT_EQ(counted, 1);
        pic_unmask(0);
        pit_one_shot(100);
        ON_STACK(fresh_stack(), "sti; hlt; cli");
        EXPECT_EQ(vector_count[VEC_IRQ0], ticks + 1);
    }
    on_vector(VEC_OWN, NULL);
    pit_stop();
    pic_mask_all();
}
