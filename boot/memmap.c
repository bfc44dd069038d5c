/* The UEFI memory map -> struct boot_mem[]; see memmap.h.  UEFI Specification,
 * "EFI_BOOT_SERVICES.GetMemoryMap()" and "Memory Type Usage after
 * ExitBootServices()".  Pure. */
#include "boot/memmap.h"
#include "lib/mem.h"

/* EFI_MEMORY_DESCRIPTOR, version 1. */
struct descriptor {
    u32 type;
    u32 pad;
    u64 physical_start;
    u64 virtual_start;
    u64 number_of_pages;
    u64 attribute;
};
_Static_assert(sizeof(struct descriptor) == 40, "as in the UEFI Specification");

#define DESCRIPTOR_LEN_MAX 1024u
#define PHYSICAL_LIMIT     BIT(52) /* no x86-64 processor addresses more */

/* EFI_MEMORY_TYPE, by number; unknown types are left alone. */
// clang-format off
static const u8 type_of[] = {
    BOOT_MEM_RESERVED, /* EfiReservedMemoryType      */
    BOOT_MEM_USABLE,   /* EfiLoaderCode              */
    BOOT_MEM_USABLE,   /* EfiLoaderData              */
    BOOT_MEM_USABLE,   /* EfiBootServicesCode        */
    BOOT_MEM_USABLE,   /* EfiBootServicesData        */
    BOOT_MEM_RUNTIME,  /* EfiRuntimeServicesCode     */
    BOOT_MEM_RUNTIME,  /* EfiRuntimeServicesData     */
    BOOT_MEM_USABLE,   /* EfiConventionalMemory      */
    BOOT_MEM_RESERVED, /* EfiUnusableMemory          */
    BOOT_MEM_ACPI,     /* EfiACPIReclaimMemory       */
    BOOT_MEM_ACPI,     /* EfiACPIMemoryNVS           */
    BOOT_MEM_MMIO,     /* EfiMemoryMappedIO          */
    BOOT_MEM_MMIO,     /* EfiMemoryMappedIOPortSpace */
};

/* Attribute bit -> boot_mem_cache bit. */
static const struct { u64 attribute; u32 cache; } cache_of[] = {
    {BIT(0), BOOT_CACHE_UC},
    {BIT(1), BOOT_CACHE_WC},
    {BIT(2), BOOT_CACHE_WT},
    {BIT(3), BOOT_CACHE_WB},
};
// clang-format on

#define ATTRIBUTE_NV               BIT(15) /* persistent memory: somebody's data */
#define ATTRIBUTE_SPECIFIC_PURPOSE BIT(18) /* set aside for a device's driver */
#define ATTRIBUTE_RUNTIME          BIT(63)

static u32 cache_bits(u64 attribute)
{
    u32 cache = 0;

    for (size_t i = 0; i < ARRAY_LEN(cache_of); i++)
        if (attribute & cache_of[i].attribute)
            cache |= cache_of[i].cache;
    return cache;
}

static u32 region_type(const struct descriptor *d, u32 cache)
{
    const u32 type = d->type < ARRAY_LEN(type_of) ? type_of[d->type] : (u32)BOOT_MEM_RESERVED;

    if (type != BOOT_MEM_USABLE)
        return type;
    /* Firmware has been seen to need memory at run time that it calls boot services'. */
    if (d->attribute & ATTRIBUTE_RUNTIME)
        return BOOT_MEM_RUNTIME;
    if (d->attribute & (ATTRIBUTE_NV | ATTRIBUTE_SPECIFIC_PURPOSE))
        return BOOT_MEM_RESERVED;
    if (cache != 0 && !(cache & BOOT_CACHE_WB))
        return BOOT_MEM_RESERVED;
    return BOOT_MEM_USABLE;
}

static bool same_kind(const struct boot_mem *a, const struct boot_mem *b)
{
    return a->type == b->type && a->cache == b->cache;
}

static u64 end_of(const struct boot_mem *r)
{
    return r->base + r->len;
}

static void remove_at(struct memmap *m, u32 index)
{
    m->count--;
    memmove(&m->region[index], &m->region[index + 1], (m->count - index) * sizeof(m->region[0]));
}

/* E_INVAL: overlaps a region that is there; E_NOMEM: the list is full. */
static err_t insert(struct memmap *m, struct boot_mem r)
{
    u32 at = m->count;

    while (at > 0 && m->region[at - 1].base >= r.base)
        at--;
    if (at > 0 && end_of(&m->region[at - 1]) > r.base)
        return E_INVAL;
    if (at < m->count && m->region[at].base < end_of(&r))
        return E_INVAL;

    const bool joins_prev =
        at > 0 && end_of(&m->region[at - 1]) == r.base && same_kind(&m->region[at - 1], &r);
    const bool joins_next =
        at < m->count && m->region[at].base == end_of(&r) && same_kind(&m->region[at], &r);

    if (joins_prev) {
        m->region[at - 1].len += r.len;
        if (joins_next) {
            m->region[at - 1].len += m->region[at].len;
            remove_at(m, at);
        }
    } else if (joins_next) {
        m->region[at].base = r.base;
        m->region[at].len += r.len;
    } else {
        if (m->count >= m->max)
            return E_NOMEM;
        memmove(&m->region[at + 1], &m->region[at], (m->count - at) * sizeof(m->region[0]));
        m->region[at] = r;
        m->count++;
    }
    return OK;
}

static err_t refuse(struct memmap_error *error, err_t err, const char *reason,
                    const struct descriptor *d)
{
    error->reason = reason;
    error->base = d ? d->physical_start : 0;
    error->pages = d ? d->number_of_pages : 0;
    return err;
}

static err_t add_descriptor(struct memmap *out, const struct descriptor *d,
                            struct memmap_error *error)
{
    if (!IS_ALIGNED(d->physical_start, PAGE_SIZE))
        return refuse(error, E_INVAL, "a descriptor is not page-aligned", d);
    if (d->physical_start >= PHYSICAL_LIMIT ||
        d->number_of_pages > (PHYSICAL_LIMIT - d->physical_start) / PAGE_SIZE)
        return refuse(error, E_INVAL, "a descriptor reaches beyond the physical address space", d);
    if (d->number_of_pages == 0)
        return OK; /* says nothing; real firmware has such descriptors */

    const u32 cache = cache_bits(d->attribute);
    const err_t err = insert(out, (struct boot_mem){.base = d->physical_start,
                                                    .len = d->number_of_pages * PAGE_SIZE,
                                                    .type = region_type(d, cache),
                                                    .cache = cache});

    if (err == E_INVAL)
        return refuse(error, err, "a descriptor overlaps another", d);
    if (err != OK)
        return refuse(error, err, "it has too many regions", d);
    return OK;
}

err_t memmap_convert(const void *map, size_t len, size_t descriptor_len, struct memmap *out,
                     struct memmap_error *error)
{
    out->count = 0;
    if (descriptor_len < sizeof(struct descriptor) || descriptor_len > DESCRIPTOR_LEN_MAX)
        return refuse(error, E_INVAL, "its descriptor size is absurd", NULL);
    if (len == 0 || len % descriptor_len != 0)
        return refuse(error, E_INVAL, "its size is not a multiple of the descriptor size", NULL);

    for (size_t at = 0; at < len; at += descriptor_len) {
        struct descriptor d;

        memcpy(&d, (const u8 *)map + at, sizeof(d));
        TRY(add_descriptor(out, &d, error));
    }
    /* A null pointer must never point to somebody's data. */
    if (memmap_claim(out, 0, PAGE_SIZE, BOOT_MEM_RESERVED) == E_NOMEM)
        return refuse(error, E_NOMEM, "it has too many regions", NULL);
    return OK;
}

err_t memmap_claim(struct memmap *m, u64 base, u64 len, enum boot_mem_type type)
{
    u32 at = 0;

    if (len == 0 || !IS_ALIGNED(base | len, PAGE_SIZE) || base > PHYSICAL_LIMIT - len ||
        len > PHYSICAL_LIMIT)
        return E_NOENT;
    while (at < m->count && end_of(&m->region[at]) <= base)
        at++;
    if (at == m->count || m->region[at].base > base || end_of(&m->region[at]) < base + len ||
        m->region[at].type != BOOT_MEM_USABLE)
        return E_NOENT;

    const struct boot_mem whole = m->region[at];
    const struct boot_mem pieces[] = {
        {.base = whole.base, .len = base - whole.base, .type = whole.type, .cache = whole.cache},
        {.base = base, .len = len, .type = (u32)type, .cache = whole.cache},
        {.base = base + len,
         .len = end_of(&whole) - (base + len),
         .type = whole.type,
         .cache = whole.cache},
    };

    if (m->max - m->count < ARRAY_LEN(pieces) - 1)
        return E_NOMEM;
    remove_at(m, at);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        if (pieces[i].len != 0)
            TRY(insert(m, pieces[i])); /* cannot fail: the place was just made */
    return OK;
}

/* Neighbours that have become of one kind. */
static void merge(struct memmap *m)
{
    u32 kept = 0;

    for (u32 i = 0; i < m->count; i++) {
        const struct boot_mem *const r = &m->region[i];

        if (kept > 0 && end_of(&m->region[kept - 1]) == r->base &&
            same_kind(&m->region[kept - 1], r))
            m->region[kept - 1].len += r->len;
        else
            m->region[kept++] = *r;
    }
    m->count = kept;
}

err_t memmap_confine(struct memmap *m, u64 base, u64 len)
{
    const enum boot_mem_type spared = BOOT_MEM_TYPES; /* what no region has */

    TRY(memmap_claim(m, base, len, spared));
    for (u32 i = 0; i < m->count; i++) {
        if (m->region[i].type == BOOT_MEM_USABLE)
            m->region[i].type = BOOT_MEM_RESERVED;
        else if (m->region[i].type == (u32)spared)
            m->region[i].type = BOOT_MEM_USABLE;
    }
    merge(m);
    return OK;
}

u64 memmap_bytes(const struct memmap *m, enum boot_mem_type type)
{
    u64 sum = 0;

    for (u32 i = 0; i < m->count; i++)
        if (m->region[i].type == (u32)type)
            sum += m->region[i].len;
    return sum;
}

bool memmap_is_ram(const struct boot_mem *region)
{
    return region->type != BOOT_MEM_RESERVED && region->type != BOOT_MEM_MMIO;
}
