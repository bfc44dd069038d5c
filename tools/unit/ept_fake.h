/* Fake table memory and an independent reader for the EPT tests and fuzzer.  The reader
 * knows nothing of ept.c: it follows SDM Vol. 3C, "EPT Translation Mechanism", and aborts
 * on anything that the processor would call an EPT misconfiguration. */
#pragma once
#include "ept/ept.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_PHYS_BITS 40
#define FAKE_PHYS_BASE 0x7000000000ull /* where the tables pretend to be: not their address */

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { FAKE_PAGES = 4096 };

struct fake {
    u64 page[FAKE_PAGES][512];
    bool used[FAKE_PAGES];
    u32 live;    /* pages handed out now */
    u32 next;    /* where to look for a free one */
    i64 fail_in; /* allocations until one fails; negative: never */
    u32 failures;
};

static inline u64 *fake_alloc(void *ctx)
{
    struct fake *f = ctx;

    if (f->fail_in == 0) {
        f->failures++;
        return NULL;
    }
    if (f->fail_in > 0)
        f->fail_in--;
    for (u32 n = 0; n < FAKE_PAGES; n++) {
        const u32 i = (f->next + n) % FAKE_PAGES;
        if (f->used[i])
            continue;
        f->used[i] = true;
        f->live++;
        f->next = i + 1;
        memset(f->page[i], 0, PAGE_SIZE);
        return f->page[i];
    }
    return NULL;
}

static inline u32 fake_index(const struct fake *f, const u64 *page)
{
    const size_t offset = (size_t)((const char *)page - (const char *)f->page);

    REQUIRE(offset % PAGE_SIZE == 0 && offset / PAGE_SIZE < FAKE_PAGES);
    return (u32)(offset / PAGE_SIZE);
}

static inline void fake_free(void *ctx, u64 *page)
{
    struct fake *f = ctx;
    const u32 i = fake_index(f, page);

    REQUIRE(f->used[i]);
    f->used[i] = false;
    f->live--;
    memset(page, 0xa5, PAGE_SIZE);
}

static inline u64 fake_to_phys(void *ctx, const u64 *page)
{
    return FAKE_PHYS_BASE + fake_index(ctx, page) * PAGE_SIZE;
}

static inline u64 *fake_to_virt(void *ctx, u64 phys)
{
    struct fake *f = ctx;
    const u64 i = (phys - FAKE_PHYS_BASE) / PAGE_SIZE;

    REQUIRE(phys % PAGE_SIZE == 0 && i < FAKE_PAGES && f->used[i]);
    return f->page[i];
}

static inline struct fake *fake_new(void)
{
    struct fake *f = calloc(1, sizeof *f);

    REQUIRE(f);
    f->fail_in = -1;
    return f;
}

static inline struct ept fake_ept(struct fake *f, u8 max_leaf)
{
    struct ept e = {
        .page_alloc = fake_alloc,
        .page_free = fake_free,
        .to_phys = fake_to_phys,
        .to_virt = fake_to_virt,
        .ctx = f,
        .tables_left = ~0ull,
        .max_leaf = max_leaf,
        .phys_bits = FAKE_PHYS_BITS,
    };
    REQUIRE(ept_init(&e) == OK);
    return e;
}

/* What the processor does with one address: 0, or frame address | attributes. */
static inline u64 fake_translate(struct fake *f, const u64 *root, u64 gpa, u32 max_leaf)
{
    const u64 address = BIT(FAKE_PHYS_BITS) - PAGE_SIZE;
    const u64 *table = root;

    for (u32 shift = 39;; shift -= 9) {
        const u64 entry = table[(gpa >> shift) & 511];
        if ((entry & 7) == 0) {
            REQUIRE(entry == 0);
            return 0;
        }
        const bool large = entry & 0x80;
        if (shift == 12 || large) {
            const u64 type = (entry >> 3) & 7, low = BIT(shift) - 1;
            REQUIRE(entry & 1); /* no test asks for execute-only here */
            REQUIRE(type == 0 || type == 1 || type == 4 || type == 5 || type == 6);
            REQUIRE((entry & ~(address | 0xbfull)) == 0); /* also: ignore-PAT (bit 6) is clear */
            REQUIRE(shift == 12 ? !large : (shift - 12) / 9 <= max_leaf);
            REQUIRE((entry & address & low) == 0);
            return (entry & address) | (gpa & low & ~0xfffull) | (entry & 0x3f);
        }
        REQUIRE((entry & ~address) == 7);
        table = fake_to_virt(f, entry & address);
    }
}
