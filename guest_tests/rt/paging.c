/* The image's own page tables, so that no page of the loader's is in use: the first
 * 4 GiB identity-mapped with 2 MiB pages, split where a test asks for it. */
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/rt.h"

#define SPLITS_MAX  16u
#define HIGH_TABLES 2u /* of 512 GiB each, above the first */

static u64 pml4[512] __attribute__((aligned(4096)));
static u64 pdpt[512] __attribute__((aligned(4096)));
static u64 directory[4][512] __attribute__((aligned(4096)));
static u64 split_table[SPLITS_MAX][512] __attribute__((aligned(4096)));
static u32 splits;
static u64 high_table[HIGH_TABLES][512] __attribute__((aligned(4096)));
static u32 high_tables;

void paging_init(void)
{
    for (u64 i = 0; i < 2048; i++)
        directory[i / 512][i % 512] = i << 21 | PAGE_P | PAGE_W | PAGE_U | PAGE_PS;
    for (u32 i = 0; i < 4; i++)
        pdpt[i] = (u64)directory[i] | PAGE_P | PAGE_W | PAGE_U;
    pml4[0] = (u64)pdpt | PAGE_P | PAGE_W | PAGE_U;
    write_cr3((u64)pml4);
}

u64 *page_entry(u64 address)
{
    u64 *large = &directory[address >> 30 & 3][address >> 21 & 511];

    if (*large & PAGE_PS) {
        u64 *table = split_table[splits];

        if (splits == SPLITS_MAX) {
            FAIL("more than %u pages split", SPLITS_MAX);
            guest_exit(97);
        }
        splits++;
        for (u64 i = 0; i < 512; i++)
            table[i] = (address & ~(LARGE_PAGE_SIZE - 1)) | i << 12 | PAGE_P | PAGE_W | PAGE_U;
        *large = (u64)table | PAGE_P | PAGE_W | PAGE_U;
        write_cr3(read_cr3());
    }
    return &((u64 *)(*large & 0xffffffffff000ull))[address >> 12 & 511];
}

/* The entry for 1 GiB; NULL: no table left. */
static u64 *huge_entry(u64 address)
{
    u64 *top = &pml4[address >> 39 & 511];

    if (*top == 0) {
        if (high_tables == HIGH_TABLES)
            return NULL;
        *top = (u64)high_table[high_tables++] | PAGE_P | PAGE_W | PAGE_U;
    }
    return &((u64 *)(*top & 0xffffffffff000ull))[address >> 30 & 511];
}

bool page_map_high(u64 address, u64 len)
{
    const u64 last = address + len - 1;

    if (last < 4 * GiB)
        return true;
    if (last < address || last >> 47 != 0 || !(cpuid(0x80000001, 0).edx & BIT32(26)))
        return false;
    for (u64 i = MAX(address / GiB, 4ull); i <= last / GiB; i++) {
        u64 *entry = huge_entry(i * GiB);

        if (entry == NULL)
            return false;
        *entry = i * GiB | PAGE_P | PAGE_W | PAGE_PCD | PAGE_PS;
    }
    return true;
}

void page_set(u64 address, u64 entry)
{
    *page_entry(address) = entry;
    invlpg(address);
}
