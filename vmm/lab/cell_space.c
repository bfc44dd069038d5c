/* A cell's memory, and the tables over it.  SDM Vol. 3A, "4-Level Paging and 5-Level Paging"; Vol.
 * 3C, "The Extended Page Table Mechanism (EPT)". */
#include "vmm/lab/cell_space.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "lib/mem.h"
#include "vmm/hostmem.h"

#define PTE_RWP            7u /* present, writable, for ring 3, too */
#define PTE_LARGE          BIT(7)
#define ENTRIES            512u
#define IDENTITY_GIB       4u
#define PML4               CELL_TABLES
#define PDPT               (CELL_TABLES + 0x1000u)
#define PD(n)              (CELL_TABLES + 0x2000u + (n)*0x1000u)
#define WINDOW_PD          PD(IDENTITY_GIB)
#define WINDOW_PT          (CELL_TABLES + 0x7000u)
#define EPT_ADDRESS        0x000ffffffffff000ull
#define EPT_LEVELS         4u

#define DESCRIPTOR_CODE_64 0x00af9b000000ffffull
#define DESCRIPTOR_DATA    0x00cf93000000ffffull
#define GATE_INTERRUPT     0x8eull /* present, DPL 0, 64-bit interrupt gate */
#define SEL_CELL_CODE      0x08ull

static u64 *table_alloc(void *ctx)
{
    (void)ctx;
    return hostmem_page();
}

static void table_free(void *ctx, u64 *page)
{
    (void)ctx;
    hostmem_page_free(page);
}

static u64 table_phys(void *ctx, const u64 *page)
{
    (void)ctx;
    return virt_to_phys(page).v;
}

static u64 *table_virt(void *ctx, u64 phys)
{
    (void)ctx;
    return phys_to_virt((hpa_t){phys});
}

/* Machines that start Lintel have memory for these few tables. */
static void must(err_t err)
{
    if (err != OK)
        panic("lab: no memory for an experiment's EPT (error %d)", (int)err);
}

static void make_ept(struct lab_cell *c)
{
    c->ept = (struct ept){
        .page_alloc = table_alloc,
        .tables_left = ~0ull,
        .page_free = table_free,
        .to_phys = table_phys,
        .to_virt = table_virt,
        .phys_bits = (u8)(cpuid(0x80000008, 0).eax & CPUID_80000008_EAX_PHYS_BITS),
        .exec_only = vmx_cap_ept_vpid(&vmx_facts()->caps, EPT_VPID_EXEC_ONLY),
    };
    must(ept_init(&c->ept));
    must(ept_map(&c->ept, (gpa_t){0}, c->hpa, CELL_SIZE, EPT_RWX | EPT_WB));
}

u64 *lab_cell_word(const struct lab_cell *c, u32 gpa)
{
    return (u64 *)(void *)(c->mem + gpa);
}

hpa_t lab_cell_hpa(const struct lab_cell *c, u32 gpa)
{
    return (hpa_t){c->hpa.v + gpa};
}

void lab_identity_map(u64 *tables, u64 base)
{
    tables[0] = (base + PAGE_SIZE) | PTE_RWP;
    for (u64 g = 0; g < IDENTITY_GIB; g++) {
        u64 *const pd = tables + (2 + g) * ENTRIES;

        tables[ENTRIES + g] = (base + (2 + g) * PAGE_SIZE) | PTE_RWP;
        for (u64 i = 0; i < ENTRIES; i++)
            pd[i] = (g * GiB + i * LARGE_PAGE_SIZE) | PTE_LARGE | PTE_RWP;
    }
}

void lab_flat_segments(u64 *descriptors)
{
    descriptors[0] = DESCRIPTOR_CODE_64;
    descriptors[1] = DESCRIPTOR_DATA;
}

void lab_cell_page_tables(struct lab_cell *c, u64 base)
{
    lab_identity_map(lab_cell_word(c, PML4), base + PML4);
    lab_cell_word(c, PD(0))[0] = base | PTE_LARGE | PTE_RWP;
    lab_cell_word(c, PDPT)[IDENTITY_GIB] = (base + WINDOW_PD) | PTE_RWP;
    lab_cell_word(c, WINDOW_PD)[0] = (base + WINDOW_PT) | PTE_RWP;
}

u64 lab_cell_window(struct lab_cell *c, u32 n, u64 to)
{
    lab_cell_word(c, WINDOW_PT)[n] = ALIGN_DOWN(to, PAGE_SIZE) | PTE_RWP;
    return CELL_WINDOW + n * PAGE_SIZE + (to & (PAGE_SIZE - 1));
}

void lab_cell_gate(struct lab_cell *c, u8 vector, const u8 *label)
{
    u64 *const gate = lab_cell_word(c, CELL_IDT + vector * 16u);
    const u64 offset = lab_guest_offset(label);

    gate[0] = (offset & 0xffff) | SEL_CELL_CODE << 16 | GATE_INTERRUPT << 40 |
              (offset >> 16 & 0xffff) << 48;
    gate[1] = 0;
}

u64 lab_cell_leaf(struct lab_cell *c, u64 gpa, u32 level, hpa_t to, u32 attr)
{
    const u64 size = PAGE_SIZE << (9 * level);

    c->ept.max_leaf = (u8)level;
    must(ept_map(&c->ept, (gpa_t){gpa}, (hpa_t){ALIGN_DOWN(to.v, size)}, size, attr));
    return gpa + (to.v & (size - 1));
}

u64 *lab_cell_ept_entry(const struct lab_cell *c, u64 gpa, u32 level)
{
    u64 *table = c->ept.root;

    for (u32 at = EPT_LEVELS - 1;; at--) {
        u64 *const entry = &table[gpa >> (12 + 9 * at) & (ENTRIES - 1)];

        if (at == level)
            return entry;
        table = phys_to_virt((hpa_t){*entry & EPT_ADDRESS});
    }
}

void lab_cell_flush_ept(const struct lab_cell *c)
{
    vmx_invept_single(virt_to_phys(c->ept.root));
}

bool lab_cell_space_create(struct lab_cell *c)
{
    if (hostmem_alloc(CELL_SIZE, CELL_SIZE, FRAME_LINTEL, &c->hpa) != OK)
        return false;
    c->mem = phys_to_virt(c->hpa);
    memset(c->mem, 0, CELL_SIZE);
    return true;
}

void lab_cell_space_reset(struct lab_cell *c)
{
    if (c->ept.root) {
        vmx_invept_all();
        ept_destroy(&c->ept);
    }
    memset(c->mem, 0, CELL_END);
    memcpy(c->mem, lab_guest, (size_t)(lab_guest_end - lab_guest));
    lab_flat_segments(lab_cell_word(c, CELL_GDT) + 1);
    lab_cell_page_tables(c, 0);
    make_ept(c);
}

void lab_cell_space_destroy(struct lab_cell *c)
{
    ept_destroy(&c->ept);
    if (hostmem_free(c->hpa, CELL_SIZE, FRAME_LINTEL) != OK)
        panic("lab: a cell's memory is not Lintel's");
}
