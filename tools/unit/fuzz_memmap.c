/* Any bytes as a memory map: what comes out is sorted, page-aligned, merged and without overlap,
 * is no larger than what went in, and has every usable byte that went in. */
#include "boot/memmap.h"
#include <stdlib.h>
#include <string.h>

#define REGIONS_MAX 32u

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_list(const struct memmap *m)
{
    require(m->count <= m->max);
    for (u32 i = 0; i < m->count; i++) {
        const struct boot_mem *r = &m->region[i];

        require(r->len != 0 && IS_ALIGNED(r->base | r->len, PAGE_SIZE));
        require(r->base < BIT(52) && r->len <= BIT(52) - r->base);
        require(r->type < BOOT_MEM_TYPES && r->cache < 16);
        require(r->base != 0 || r->type != BOOT_MEM_USABLE);
        if (i == 0)
            continue;

        const struct boot_mem *before = r - 1;

        require(before->base + before->len <= r->base);
        require(before->base + before->len < r->base || before->type != r->type ||
                before->cache != r->cache);
    }
}

/* The dumb model: bytes of the map that must come out as usable, and bytes at all. */
static void expect(const u8 *map, size_t len, size_t stride, u64 *usable, u64 *total)
{
    *usable = *total = 0;
    for (size_t at = 0; at < len; at += stride) {
        u64 word[5];
        memcpy(word, map + at, sizeof(word));

        const u32 type = (u32)word[0];
        const bool free_type = type == 7 || (type >= 1 && type <= 4);
        const bool reserved = word[4] & (BIT(63) | BIT(15) | BIT(18));
        const bool cacheable = (word[4] & 15) == 0 || (word[4] & 8);
        const u64 bytes = word[3] * PAGE_SIZE;

        *total += bytes;
        if (free_type && !reserved && cacheable && bytes != 0)
            *usable += bytes - (word[1] == 0 ? PAGE_SIZE : 0);
    }
}

/* A claim takes exactly its bytes from the usable ones, or nothing. */
static void check_claim(struct memmap *m, u64 base, u64 len)
{
    const u64 usable = memmap_bytes(m, BOOT_MEM_USABLE);
    const u64 lintel = memmap_bytes(m, BOOT_MEM_LINTEL);
    const err_t err = memmap_claim(m, base, len, BOOT_MEM_LINTEL);
    const u64 taken = err == OK ? len : 0;

    check_list(m);
    require(memmap_bytes(m, BOOT_MEM_USABLE) == usable - taken);
    require(memmap_bytes(m, BOOT_MEM_LINTEL) == lintel + taken);
}

/* Confining leaves the range as the only usable one and no byte without a region, or nothing done.
 */
static void check_confine(struct memmap *m, u64 base, u64 len, u64 total)
{
    const u64 usable = memmap_bytes(m, BOOT_MEM_USABLE);
    const u64 reserved = memmap_bytes(m, BOOT_MEM_RESERVED);
    const bool done = memmap_confine(m, base, len) == OK;
    u64 sum = 0;

    check_list(m);
    for (u32 i = 0; i < m->count; i++)
        sum += m->region[i].len;
    require(sum == total);
    require(memmap_bytes(m, BOOT_MEM_USABLE) == (done ? len : usable));
    require(memmap_bytes(m, BOOT_MEM_RESERVED) == reserved + (done ? usable - len : 0));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct boot_mem region[REGIONS_MAX];
    struct memmap m = {.region = region};
    struct memmap_error error;
    u64 usable, total, sum = 0;

    if (size < 4)
        return 0;
    m.max = data[0] % REGIONS_MAX + 1;

    /* Mostly shapes that a firmware could give, or nothing but shapes would be fuzzed. */
    const size_t stride = data[1] % 4 == 0 ? data[2] : 40u + data[1] % 3 * 8u;
    const u8 *map = data + 4;
    size_t len = size - 4;
    if (data[3] % 8 != 0 && stride != 0)
        len -= len % stride;

    u8 *copy = malloc(len ? len : 1); /* exactly as long, so that ASan sees a read beyond it */
    if (len != 0)
        memcpy(copy, map, len);
    if (memmap_convert(copy, len, stride, &m, &error) == OK) {
        check_list(&m);
        expect(copy, len, stride, &usable, &total);
        for (u32 i = 0; i < m.count; i++)
            sum += m.region[i].len;
        require(sum == total);
        require(memmap_bytes(&m, BOOT_MEM_USABLE) == usable);
        if (m.count > 0) {
            const struct boot_mem *r = &m.region[data[2] % m.count];

            check_claim(&m, r->base + data[3] % 4 * PAGE_SIZE, (data[0] / 32 + 1) * PAGE_SIZE);
            r = &m.region[data[1] % m.count];
            check_confine(&m, r->base + data[0] % 4 * PAGE_SIZE, (data[2] / 32 + 1) * PAGE_SIZE,
                          total);
        }
    } else {
        require(error.reason != NULL);
    }
    free(copy);
    return 0;
}
