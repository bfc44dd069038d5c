/* Two address spaces, in 32-bit and PAE paging: all is mapped as it is, but 2 MiB at PROBE.
 * SDM Vol. 3A, "32-Bit Paging", "PAE Paging". */
#include "guest_tests/tasks/tasks.h"
#include "lib/mem.h"

#define SPACES    2u
#define P_W_U     7u
#define LARGE     BIT32(7)
#define CR0_PG    BIT32(31)
#define CR4_PSE   BIT32(4)
#define CR4_PAE   BIT32(5)
#define PAE_SHIFT 21u

enum paging paging;

static u32 directory32[SPACES][1024] __attribute__((aligned(4096)));
static u32 table32[SPACES][1024] __attribute__((aligned(4096)));
static u64 pdpt[SPACES][4] __attribute__((aligned(32)));
static u64 directory_pae[SPACES][2048] __attribute__((aligned(4096)));
static u64 table_pae[SPACES][512] __attribute__((aligned(4096)));
static u32 probe[SPACES][1024] __attribute__((aligned(4096)));

static void fill(u32 space)
{
    memset(table32[space], 0, sizeof(table32[space]));
    memset(table_pae[space], 0, sizeof(table_pae[space]));
    for (u32 i = 0; i < 1024; i++)
        directory32[space][i] = i << 22 | P_W_U | LARGE;
    directory32[space][PROBE >> 22] = (u32)table32[space] | P_W_U;
    for (u32 i = 0; i < 2048; i++)
        directory_pae[space][i] = (u64)i << PAE_SHIFT | P_W_U | LARGE;
    directory_pae[space][PROBE >> PAE_SHIFT] = (u32)table_pae[space] | P_W_U;
    for (u32 i = 0; i < 4; i++)
        pdpt[space][i] = (u32)&directory_pae[space][i * 512] | 1;
    table32[space][0] = (u32)probe[space] | P_W_U;
    table_pae[space][0] = (u32)probe[space] | P_W_U;
    probe[space][0] = 0x9a9e0000 + space;
}

u32 paging_cr3(u32 space)
{
    switch (paging) {
    case PAGING_32BIT: return (u32)directory32[space];
    case PAGING_PAE: return (u32)pdpt[space];
    default: return 0;
    }
}

static void set_cr4(u32 bits)
{
    u32 cr4;

    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    cr4 = (cr4 & ~(CR4_PSE | CR4_PAE)) | bits;
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}

static void set_cr0(u32 clear, u32 set)
{
    u32 cr0;

    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    cr0 = (cr0 & ~clear) | set;
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
}

void paging_begin(enum paging mode)
{
    paging = mode;
    for (u32 space = 0; space < SPACES; space++)
        fill(space);
    if (mode == PAGING_OFF)
        return;
    set_cr4(mode == PAGING_PAE ? CR4_PAE : CR4_PSE);
    __asm__ volatile("mov %0, %%cr3" : : "r"(paging_cr3(0)) : "memory");
    set_cr0(0, CR0_PG);
}

void paging_end(void)
{
    set_cr0(CR0_PG, 0);
    paging = PAGING_OFF;
}

static void set_entry(u32 linear, u32 entry)
{
    for (u32 space = 0; space < SPACES; space++) {
        table32[space][linear >> 12 & 1023] = entry;
        table_pae[space][linear >> 12 & 511] = entry;
    }
    __asm__ volatile("invlpg (%0)" : : "r"(linear) : "memory");
}

void page_map(u32 linear, u32 physical)
{
    set_entry(linear, physical | P_W_U);
}

void page_unmap(u32 linear)
{
    set_entry(linear, 0);
}
