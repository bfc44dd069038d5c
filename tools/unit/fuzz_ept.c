/* A sequence of map, unmap and protect from the fuzzer's bytes, with failing allocations,
 * against a flat array; every page looked up by an independent reader after every step. */
#include "ept_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGES = 1536, BASE_PAGES = 2 * 262144 - 768 }; /* across a 1 GiB border */

struct step { /* as the input's bytes lie */
    u8 kind, attr, fail_in, hpa_offset;
    u16 first, pages;
};

static u64 model[PAGES];

static err_t expected(const struct step *s, u64 first, u64 pages, u64 hpa, bool attr_good)
{
    if (s->kind % 3 != 1 && !attr_good)
        return E_INVAL;
    for (u64 i = first; s->kind % 3 == 0 && i < first + pages; i++)
        if (model[i])
            return E_EXIST;
    for (u64 i = first; i < first + pages; i++)
        switch (s->kind % 3) {
        case 0: model[i] = (hpa + (i - first) * PAGE_SIZE) | s->attr; break;
        case 1: model[i] = 0; break;
        case 2: model[i] = model[i] ? (model[i] & ~0x3full) | s->attr : 0; break;
        }
    return OK;
}

static void one_step(struct fake *f, struct ept *e, const struct step *s)
{
    const u64 first = s->first % PAGES, pages = s->pages % (PAGES - first + 1);
    const gpa_t gpa = {(BASE_PAGES + first) * PAGE_SIZE};
    const u64 hpa = gpa.v + 4 * GiB + (s->hpa_offset & 1 ? PAGE_SIZE : 0) +
                    (s->hpa_offset & 2 ? LARGE_PAGE_SIZE : 0);
    const u32 type = (s->attr >> 3) & 7;
    const bool attr_good =
        s->attr < 0x40 && (s->attr & EPT_R) && (type < 2 || (type > 3 && type < 7));
    err_t got = E_NOMEM;

    for (int attempt = 0; attempt < 2 && got == E_NOMEM; attempt++) {
        const u32 live = f->live;
        f->fail_in = attempt ? -1 : s->fail_in % 8;
        switch (s->kind % 3) {
        case 0: got = ept_map(e, gpa, (hpa_t){hpa}, pages * PAGE_SIZE, s->attr); break;
        case 1: got = ept_unmap(e, gpa, pages * PAGE_SIZE); break;
        case 2: got = ept_protect(e, gpa, pages * PAGE_SIZE, s->attr); break;
        }
        REQUIRE(got == OK || f->live == live);
        for (u64 i = 0; i < PAGES && got != OK; i++)
            REQUIRE(fake_translate(f, e->root, (BASE_PAGES + i) * PAGE_SIZE, 2) == model[i]);
    }
    REQUIRE(got == expected(s, first, pages, hpa, attr_good));
    for (u64 i = 0; i < PAGES; i++)
        REQUIRE(fake_translate(f, e->root, (BASE_PAGES + i) * PAGE_SIZE, 2) == model[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake *f;
    struct step s;

    if (!f)
        f = fake_new();
    struct ept e = fake_ept(f, 2);
    memset(model, 0, sizeof model);
    for (size_t at = 0; at + sizeof s <= size && at < 32 * sizeof s; at += sizeof s) {
        memcpy(&s, data + at, sizeof s);
        one_step(f, &e, &s);
    }
    f->fail_in = -1;
    ept_destroy(&e);
    REQUIRE(f->live == 0);
    return 0;
}
