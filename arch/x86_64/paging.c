/* The hypervisor's own page tables.  All tables come from one static pool: nothing is allocated,
 * and what the pool cannot map is given up in the open.  SDM Vol. 3A, "4-Level Paging",
 * "Page Attribute Table (PAT)". */
#include "arch/x86_64/paging.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/percpu.h"

#define PTE_P       BIT(0)
#define PTE_W       BIT(1)
#define PTE_PWT     BIT(3)
#define PTE_PCD     BIT(4)
#define PTE_A       BIT(5)
#define PTE_D       BIT(6)
#define PTE_PS      BIT(7)
#define PTE_G       BIT(8)
#define PTE_NX      BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ull
/* Accessed and dirty beforehand: the processor never has to write the tables. */
#define PTE_LEAF  (PTE_P | PTE_A | PTE_D | PTE_G)
#define PTE_TABLE (PTE_P | PTE_W | PTE_A)

#define ENTRIES   512u
#define LEVELS    4u

/* 1 GiB pages: one table for 512 GiB; 2 MiB pages: one per GiB, so 64 for 64 GiB; the rest is for
 * the edges of RAM ranges (two each at most), hv.elf and devices. */
#define POOL_TABLES  320u
#define POOL_FOR_RAM 288u /* the rest stays for devices, one each */

/* PAT entry n is chosen by PWT (1), PCD (2), PAT (4).  0 and 3 keep their power-on meaning, which
 * the tables of the loader use until ours are loaded; 1 becomes write combining. */
#define PAT_ENTRY(n, type) ((u64)(type) << (8 * (n)))
#define PAT_VALUE                                                                                  \
    (PAT_ENTRY(0, MEMORY_TYPE_WB) | PAT_ENTRY(1, MEMORY_TYPE_WC) |                                 \
     PAT_ENTRY(2, MEMORY_TYPE_UC_MINUS) | PAT_ENTRY(3, MEMORY_TYPE_UC) |                           \
     PAT_ENTRY(4, MEMORY_TYPE_WB) | PAT_ENTRY(5, MEMORY_TYPE_WP) |                                 \
     PAT_ENTRY(6, MEMORY_TYPE_UC_MINUS) | PAT_ENTRY(7, MEMORY_TYPE_WT))
#define PTE_WC         (PTE_PWT)
#define PTE_UC         (PTE_PWT | PTE_PCD)

#define DEVICE_MAP_END 0xffffe00000000000ull

extern u8 __hv_start[], __hv_end[], __text_start[], __text_end[], __rodata_start[], __rodata_end[],
    __data_start[], __data_end[];

static u64 pool[POOL_TABLES][ENTRIES] __attribute__((aligned(4096)));
static u32 pool_used;
static u32 pool_limit = POOL_FOR_RAM;
static u64 *root;
static u64 hv_phys;
static u64 ram_end;
static unsigned largest_level; /* of a leaf: 3 (1 GiB) or 2 (2 MiB) */
static u64 device_next = DEVICE_MAP_BASE;

/* Level 1 is the page table, 4 the PML4. */
static u64 page_size(unsigned level)
{
    return PAGE_SIZE << (9 * (level - 1));
}

static unsigned index_at(u64 va, unsigned level)
{
    return (va >> (12 + 9 * (level - 1))) % ENTRIES;
}

static u64 hv_va_to_phys(const void *va)
{
    return (u64)va - (u64)__hv_start + hv_phys;
}

static u64 *table_of(u64 entry)
{
    return (u64 *)(void *)(__hv_start + ((entry & PTE_ADDRESS) - hv_phys));
}

static u64 *new_table(void)
{
    return pool_used < pool_limit ? pool[pool_used++] : NULL;
}

/* ------------------------------------------------------------ mapping */

/* The largest page that starts at va and pa and does not pass len. */
static unsigned level_for(u64 va, u64 pa, u64 len, unsigned max_level)
{
    unsigned level = max_level;

    while (level > 1 && (((va | pa) & (page_size(level) - 1)) != 0 || len < page_size(level)))
        level--;
    return level;
}

/* The entry for va at the given level; NULL if the pool is empty. */
static u64 *entry_for(u64 va, unsigned level)
{
    u64 *table = root;

    for (unsigned l = LEVELS; l > level; l--) {
        u64 *const entry = &table[index_at(va, l)];

        if (*entry == 0) {
            const u64 *const next = new_table();

            if (next == NULL)
                return NULL;
            *entry = hv_va_to_phys(next) | PTE_TABLE;
        }
        assert(!(*entry & PTE_PS));
        table = table_of(*entry);
    }
    return &table[index_at(va, level)];
}

/* Maps whole pages that are not mapped yet; returns how many bytes it could. */
static u64 map(u64 va, u64 pa, u64 len, u64 flags, unsigned max_level)
{
    u64 done = 0;

    while (done < len) {
        const unsigned level = level_for(va + done, pa + done, len - done, max_level);
        u64 *const entry = entry_for(va + done, level);

        if (entry == NULL)
            break;
        assert(*entry == 0);
        *entry = (pa + done) | PTE_LEAF | flags | (level > 1 ? PTE_PS : 0);
        done += page_size(level);
    }
    return done;
}

/* What maps va and how: the leaf (0: nothing) and the size of the slot that it fills. */
static u64 lookup(u64 va, u64 *slot)
{
    const u64 *table = root;

    for (unsigned level = LEVELS;; level--) {
        const u64 entry = table[index_at(va, level)];

        *slot = page_size(level);
        if (!(entry & PTE_P))
            return 0;
        if (level == 1 || (entry & PTE_PS))
            return entry;
        table = table_of(entry);
    }
}

/* ------------------------------------------------------------ the three parts */

static void map_section(const u8 *start, const u8 *end, u64 flags)
{
    const u64 len = (u64)(end - start);

    /* 4 KiB pages: guard pages are cut out of them. */
    assert(map((u64)start, hv_va_to_phys(start), len, flags, 1) == len);
}

static void unmap_guard(const u8 *guard)
{
    u64 *const entry = entry_for((u64)guard, 1);

    assert(entry != NULL);
    *entry = 0;
}

static void map_hv(void)
{
    map_section(__text_start, __text_end, 0);
    map_section(__rodata_start, __rodata_end, PTE_NX);
    map_section(__data_start, __data_end, PTE_W | PTE_NX);
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        unmap_guard(cpu_stacks[cpu].guard);
        for (unsigned i = 0; i < IST_COUNT; i++)
            unmap_guard(cpu_stacks[cpu].ist[i].guard);
    }
}

/* UEFI runtime memory is not in the list: nobody here calls it. */
static bool in_direct_map(u32 type)
{
    return type == BOOT_MEM_USABLE || type == BOOT_MEM_LINTEL || type == BOOT_MEM_MODULE ||
           type == BOOT_MEM_ACPI;
}

/* [base, end) without page 0. False: the tables ran out, ram_end says where. */
static bool map_ram(u64 base, u64 end)
{
    base = MAX(base, PAGE_SIZE);
    if (base >= end)
        return true;

    const u64 done = map(DIRECT_MAP_BASE + base, base, end - base, PTE_W | PTE_NX, largest_level);

    ram_end = base + done;
    return ram_end == end;
}

/* The same without hv.elf's frames, which must have no writable alias. */
static bool map_ram_outside_hv(const struct boot_info *info, u64 base, u64 end)
{
    const u64 hv_end = info->hv_base + info->hv_size;

    if (hv_end <= base || info->hv_base >= end)
        return map_ram(base, end);
    return map_ram(base, info->hv_base) && map_ram(hv_end, end);
}

static void map_direct(const struct boot_info *info)
{
    u32 i = 0;

    while (i < info->mem_count) {
        const struct boot_mem *m = &info->mem[i++];
        const u64 base = m->base;
        u64 end = base + m->len;

        if (!in_direct_map(m->type))
            continue;
        /* Neighbours become one range: fewer edges, larger pages. */
        for (; i < info->mem_count; i++) {
            m = &info->mem[i];
            if (m->base != end || !in_direct_map(m->type))
                break;
            end += m->len;
        }
        if (!map_ram_outside_hv(info, base, end)) {
            log_warning("paging: page tables are used up, RAM from 0x%lx on is not used", ram_end);
            return;
        }
    }
}

/* ------------------------------------------------------------ start */

/* The features of which the tables make use, and the ones that can only catch our mistakes. */
static void set_cpu_modes(void)
{
    const struct cpuid_regs leaf7 = cpuid(7, 0);
    u64 cr4 = read_cr4() | CR4_PGE;

    assert(cpuid(CPUID_LEAF_EXTENDED + 1, 0).edx & CPUID_80000001_EDX_NX);
    assert(!(cr4 & CR4_LA57));
    if (leaf7.ebx & CPUID_7_EBX_SMEP)
        cr4 |= CR4_SMEP;
    if (leaf7.ebx & CPUID_7_EBX_SMAP)
        cr4 |= CR4_SMAP;
    if (leaf7.ecx & CPUID_7_ECX_UMIP)
        cr4 |= CR4_UMIP;

    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    wrmsr(MSR_PAT, PAT_VALUE);
    write_cr0(read_cr0() | CR0_WP);
    write_cr3(hv_va_to_phys(root));
    write_cr4(cr4); /* after CR3: the loader's translations are gone before PGE keeps any */
}

static void check_info(const struct boot_info *info)
{
    assert(info->hv_virt == (u64)__hv_start);
    assert(info->hv_size >= (u64)(__hv_end - __hv_start));
    assert(IS_ALIGNED(info->hv_base, PAGE_SIZE) && IS_ALIGNED(info->hv_size, PAGE_SIZE));
    assert(info->mem_count <= BOOT_MEM_MAX);
    for (u32 i = 0; i < info->mem_count; i++) {
        const struct boot_mem *const m = &info->mem[i];

        assert(IS_ALIGNED(m->base | m->len, PAGE_SIZE));
        assert(m->base <= PTE_ADDRESS && m->len <= PTE_ADDRESS - m->base);
        assert(i == 0 || m->base >= m[-1].base + m[-1].len);
    }
}

static bool direct_mapped(u64 phys, u64 len)
{
    u64 slot;

    if (len == 0 || phys > PTE_ADDRESS || len > PTE_ADDRESS - phys)
        return false;
    for (u64 at = phys; at < phys + len; at = ALIGN_DOWN(at, slot) + slot)
        if (lookup(DIRECT_MAP_BASE + at, &slot) == 0)
            return false;
    return true;
}

void paging_init(const struct boot_info *info)
{
    check_info(info);
    hv_phys = info->hv_base;
    root = new_table();
    largest_level = cpuid(CPUID_LEAF_EXTENDED + 1, 0).edx & CPUID_80000001_EDX_1G ? 3 : 2;
    map_hv();
    map_direct(info);
    pool_limit = POOL_TABLES;
    assert(direct_mapped((u64)info, sizeof(*info))); /* still its physical address */
    set_cpu_modes();
}

hpa_t paging_ram_end(void)
{
    return (hpa_t){ram_end};
}

/* ------------------------------------------------------------ after the start */

hpa_t virt_to_phys(const void *va)
{
    const u64 v = (u64)va;
    u64 slot;

    if (v >= (u64)__hv_start && v < (u64)__hv_end)
        return (hpa_t){hv_va_to_phys(va)};
    if (v < DIRECT_MAP_BASE || v >= DEVICE_MAP_BASE || lookup(v, &slot) == 0)
        panic("virt_to_phys: 0x%lx is not in the direct map", v);
    return (hpa_t){v - DIRECT_MAP_BASE};
}

void *paging_map_device(hpa_t pa, u64 len, enum paging_cache cache)
{
    const u64 offset = pa.v % PAGE_SIZE;
    const u64 base = pa.v - offset;

    assert(len > 0 && pa.v <= PTE_ADDRESS && len <= PTE_ADDRESS - pa.v - PAGE_SIZE);

    const u64 size = ALIGN_UP(offset + len, PAGE_SIZE);
    /* Same place within 2 MiB as the physical address, so that large pages fit. */
    const u64 va = ALIGN_UP(device_next, LARGE_PAGE_SIZE) + base % LARGE_PAGE_SIZE;
    const u64 flags = PTE_W | PTE_NX | (cache == PAGING_WC ? PTE_WC : PTE_UC);

    assert(va + size < DEVICE_MAP_END);
    if (map(va, base, size, flags, 2) != size)
        panic("paging: page tables are used up, cannot map the device at 0x%lx", pa.v);
    device_next = va + size + PAGE_SIZE; /* a hole between two devices */
    return (void *)(va + offset);
}

u64 paging_top_entry(u64 va)
{
    return root[index_at(va, LEVELS)];
}

void paging_for_each(void (*visit)(void *arg, u64 va, hpa_t pa, u64 len, bool writable,
                                   bool executable),
                     void *arg)
{
    u64 slot;

    for (u64 at = 0; at < BIT(48); at = ALIGN_DOWN(at, slot) + slot) {
        const u64 va = at < BIT(47) ? at : at | 0xffff000000000000ull; /* canonical */
        const u64 leaf = lookup(va, &slot);

        if (leaf != 0)
            visit(arg, va, (hpa_t){leaf & PTE_ADDRESS & ~(slot - 1)}, slot, leaf & PTE_W,
                  !(leaf & PTE_NX));
    }
}
