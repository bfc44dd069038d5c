/* The machine's frames. */
#include "vmm/hostmem.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/spinlock.h"

static struct pmm frames;
static struct spinlock lock; /* of `frames` and its table */
static const struct boot_info *boot;

/* Guests' memory is write-back in their EPT: only what the firmware says can be so is used. */
static bool is_usable(const struct boot_mem *m)
{
    return m->type == BOOT_MEM_USABLE && (m->cache == 0 || (m->cache & BOOT_CACHE_WB));
}

static u64 top_of_ram(const struct boot_info *info)
{
    u64 top = 0;

    for (u32 i = 0; i < info->mem_count; i++)
        if (is_usable(&info->mem[i]))
            top = MAX(top, info->mem[i].base + info->mem[i].len);
    return MIN(top, paging_ram_end().v);
}

/* The frame table itself: the first usable range above 1 MiB that is large enough. */
static hpa_t place_table(const struct boot_info *info, u64 bytes)
{
    for (u32 i = 0; i < info->mem_count; i++) {
        const struct boot_mem *m = &info->mem[i];
        const u64 base = MAX(m->base, (u64)MiB);

        if (is_usable(m) && base < m->base + m->len && m->base + m->len - base >= bytes)
            return (hpa_t){base};
    }
    panic("no room for the frame table: %llu bytes", (unsigned long long)bytes);
}

void hostmem_init(const struct boot_info *info)
{
    static const u16 owner_of[BOOT_MEM_TYPES] = {
        [BOOT_MEM_LINTEL] = FRAME_LINTEL,
        [BOOT_MEM_MODULE] = FRAME_MODULE,
    };
    const u64 top = top_of_ram(info);
    const u64 bytes = ALIGN_UP(pmm_table_bytes(top), PAGE_SIZE);
    const hpa_t table = place_table(info, bytes);

    boot = info;
    pmm_init(&frames, phys_to_virt(table), top);
    for (u32 i = 0; i < info->mem_count; i++)
        if (is_usable(&info->mem[i]))
            pmm_set_owner(&frames, (hpa_t){info->mem[i].base}, info->mem[i].len, FRAME_FREE);
    /* After the free ranges: partial frames at their edges are not free. */
    for (u32 i = 0; i < info->mem_count; i++)
        if (info->mem[i].type < BOOT_MEM_TYPES && owner_of[info->mem[i].type] != FRAME_NONE)
            pmm_set_owner(&frames, (hpa_t){info->mem[i].base}, info->mem[i].len,
                          owner_of[info->mem[i].type]);
    pmm_set_owner(&frames, table, bytes, FRAME_LINTEL);
    log_info("memory: %llu MiB free of %llu MiB", (unsigned long long)(frames.free_frames >> 8),
             (unsigned long long)(top >> 20));
}

const struct pmm *hostmem(void)
{
    return &frames;
}

err_t hostmem_alloc(u64 len, u64 align, u16 owner, hpa_t *out)
{
    err_t error;

    spin_lock(&lock);
    error = pmm_alloc(&frames, len, align, owner, out);
    spin_unlock(&lock);
    return error;
}

err_t hostmem_free(hpa_t base, u64 len, u16 owner)
{
    err_t error;

    spin_lock(&lock);
    error = pmm_free(&frames, base, len, owner);
    spin_unlock(&lock);
    return error;
}

/* The end of the first such range that is large enough: below it is what BIOSes use most. */
err_t hostmem_take_low(u64 len, hpa_t *out)
{
    for (u32 i = 0; i < boot->mem_count; i++) {
        const struct boot_mem *m = &boot->mem[i];
        const u64 end = MIN(m->base + m->len, (u64)MiB);

        /* Page 0 is in no usable range. */
        if (!is_usable(m) || end < m->base || end - m->base < len ||
            pmm_owner(&frames, (hpa_t){end - len}) != FRAME_NONE)
            continue;
        spin_lock(&lock);
        pmm_set_owner(&frames, (hpa_t){end - len}, len, FRAME_LINTEL);
        spin_unlock(&lock);
        *out = (hpa_t){end - len};
        return OK;
    }
    return E_NOMEM;
}

void hostmem_zero(void *first, u64 len)
{
    u64 words = len / sizeof(u64);

    __asm__ volatile("rep stosq" : "+D"(first), "+c"(words) : "a"(0ull) : "memory");
}

void *hostmem_pages(u64 bytes)
{
    const u64 len = ALIGN_UP(bytes, PAGE_SIZE);
    hpa_t first;

    if (hostmem_alloc(len, PAGE_SIZE, FRAME_LINTEL, &first) != OK)
        return NULL;
    hostmem_zero(phys_to_virt(first), len);
    return phys_to_virt(first);
}

void hostmem_pages_free(void *first, u64 bytes)
{
    if (first && hostmem_free(virt_to_phys(first), ALIGN_UP(bytes, PAGE_SIZE), FRAME_LINTEL) != OK)
        panic("freeing pages that are not Lintel's: %p", first);
}

void *hostmem_page(void)
{
    return hostmem_pages(PAGE_SIZE);
}

void hostmem_page_free(void *page)
{
    hostmem_pages_free(page, PAGE_SIZE);
}
