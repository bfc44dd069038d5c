/* Memory from the firmware; see memory.h.  UEFI Specification, "Memory Allocation Services",
 * "EFI_BOOT_SERVICES.ExitBootServices()". */
#include "boot/memory.h"
#include "boot/console.h"
#include "boot/firmware.h"

#define BLOCKS_MAX (BOOT_MODULES_MAX + CONFIG_GUESTS_MAX + 16u)
/* The map grows by the very allocation that holds it, and by what timers do meanwhile. */
#define MAP_SLACK  (16 * KiB)
#define EXIT_TRIES 8u

struct block {
    u64 base;
    u64 pages;
    enum boot_mem_type type;
};

/* The firmware's map as bytes, in a buffer that is large enough for it to grow. */
struct raw_map {
    void *bytes;
    UINTN room, len, key, descriptor_len;
};

static struct block blocks[BLOCKS_MAX];
static u32 block_count;

static u64 pages_of(u64 len)
{
    return len / PAGE_SIZE + (len % PAGE_SIZE != 0);
}

/* The firmware aligns to pages only: take more, give back what sticks out. */
static err_t allocate_aligned(u64 limit, u64 pages, u64 align, u64 *base)
{
    const u64 extra = align / PAGE_SIZE - 1;
    EFI_PHYSICAL_ADDRESS start = limit - 1;

    if (fw.boot->AllocatePages(AllocateMaxAddress, EfiLoaderData, pages + extra, &start) !=
        EFI_SUCCESS)
        return E_NOMEM;
    *base = ALIGN_UP(start, align);

    const u64 before = (*base - start) / PAGE_SIZE;

    if (before > 0)
        fw.boot->FreePages(start, before);
    if (extra > before)
        fw.boot->FreePages(*base + pages * PAGE_SIZE, extra - before);
    return OK;
}

err_t memory_alloc_below(u64 limit, u64 len, u64 align, enum boot_mem_type type, void **out)
{
    const u64 pages = pages_of(len);
    u64 base;

    if (block_count == BLOCKS_MAX || pages == 0 || len > limit)
        return E_NOMEM;
    TRY(allocate_aligned(limit, pages, MAX(align, PAGE_SIZE), &base));
    blocks[block_count++] = (struct block){.base = base, .pages = pages, .type = type};
    *out = (void *)base;
    return OK;
}

err_t memory_alloc(u64 len, u64 align, enum boot_mem_type type, void **out)
{
    return memory_alloc_below(PHYSICAL_MAX, len, align, type, out);
}

void memory_free(void *block)
{
    for (u32 i = 0; i < block_count; i++) {
        if (blocks[i].base != (u64)block)
            continue;
        fw.boot->FreePages(blocks[i].base, blocks[i].pages);
        blocks[i] = blocks[--block_count];
        return;
    }
}

void memory_free_all(void)
{
    while (block_count > 0) {
        block_count--;
        fw.boot->FreePages(blocks[block_count].base, blocks[block_count].pages);
    }
}

/* ------------------------------------------------------------ the map */

static err_t raw_map_open(struct raw_map *raw)
{
    UINT32 version;

    *raw = (struct raw_map){0};
    if (fw.boot->GetMemoryMap(&raw->len, NULL, &raw->key, &raw->descriptor_len, &version) !=
        EFI_BUFFER_TOO_SMALL)
        return refuse(E_IO, "the firmware does not tell its memory map");
    raw->room = raw->len + MAP_SLACK;
    if (memory_alloc(raw->room, PAGE_SIZE, BOOT_MEM_USABLE, &raw->bytes) != OK)
        return refuse(E_NOMEM, "no memory for the memory map");
    return OK;
}

static EFI_STATUS raw_map_read(EFI_BOOT_SERVICES *boot, struct raw_map *raw)
{
    UINT32 version;

    raw->len = raw->room;
    return boot->GetMemoryMap(&raw->len, raw->bytes, &raw->key, &raw->descriptor_len, &version);
}

static err_t convert(const struct raw_map *raw, struct boot_info *info, struct memmap *map)
{
    struct memmap_error why;

    *map = (struct memmap){.region = info->mem, .max = BOOT_MEM_MAX};
    const err_t err = memmap_convert(raw->bytes, raw->len, raw->descriptor_len, map, &why);

    info->mem_count = map->count;
    if (err != OK)
        return refuse(err, "the firmware's memory map: %s (0x%lx, 0x%lx pages)", why.reason,
                      why.base, why.pages);
    return OK;
}

err_t memory_map(struct boot_info *info)
{
    struct raw_map raw;
    struct memmap map;

    TRY(raw_map_open(&raw));
    const err_t err = raw_map_read(fw.boot, &raw) == EFI_SUCCESS
                          ? convert(&raw, info, &map)
                          : refuse(E_IO, "the firmware does not give its memory map");

    memory_free(raw.bytes);
    return err;
}

static err_t mark_blocks(struct boot_info *info, struct memmap *map)
{
    for (u32 i = 0; i < block_count; i++) {
        const struct block *b = &blocks[i];

        if (b->type != BOOT_MEM_USABLE &&
            memmap_claim(map, b->base, b->pages * PAGE_SIZE, b->type) != OK)
            return refuse(E_INVAL, "the memory map lacks the loader's own memory at 0x%lx",
                          b->base);
    }
    info->mem_count = map->count;
    return OK;
}

err_t memory_map_confined(struct boot_info *info, u64 base, u64 len)
{
    struct memmap map;

    TRY(memory_map(info));
    map = (struct memmap){.region = info->mem, .max = BOOT_MEM_MAX, .count = info->mem_count};
    TRY(mark_blocks(info, &map));

    const err_t err = memmap_confine(&map, base, len);

    info->mem_count = map.count;
    if (err != OK)
        return refuse(err, "the memory map lacks the loader's own memory at 0x%lx", base);
    return OK;
}

err_t memory_exit_boot_services(struct boot_info *info)
{
    EFI_BOOT_SERVICES *boot = fw.boot;
    struct raw_map raw;
    struct memmap map;

    TRY(raw_map_open(&raw));
    /* A timer's handler may allocate between the two calls, and the key is then stale; from the
     * first failure on the firmware allows these two calls and no others. */
    fw.boot = NULL;
    for (u32 tries = 0;; tries++) {
        if (tries == EXIT_TRIES || raw_map_read(boot, &raw) != EFI_SUCCESS)
            return refuse(E_IO, "the firmware does not let go of the machine (ExitBootServices)");
        if (boot->ExitBootServices(fw.image, raw.key) == EFI_SUCCESS)
            break;
    }
    TRY(convert(&raw, info, &map));
    return mark_blocks(info, &map);
}
