/* A second page-table walker, written from the figures and tables of SDM Vol. 3A, "Paging",
 * one mode after the other, with nothing shared: slow, long, and easy to compare with them. */
#pragma once
#include "ept/gva_walk.h"

struct slow {
    const struct gva_space *s;
    bool io, present, reserved;
    bool writable, user, xd;
};

static inline bool slow_bit(u64 x, u32 n)
{
    return (x >> n) & 1;
}

static inline u64 slow_field(u64 x, u32 high, u32 low)
{
    u64 value = 0;

    for (u32 n = low; n <= high; n++)
        value |= (u64)slow_bit(x, n) << (n - low);
    return value;
}

static inline u64 slow_read(struct slow *w, u64 address, u32 len)
{
    u64 value = 0;

    if (!w->s->read(w->s->ctx, (gpa_t){address}, &value, len))
        w->io = true;
    return value;
}

/* Takes one entry into account; false ends the walk. */
static inline bool slow_entry(struct slow *w, u64 entry, bool reserved)
{
    if (w->io)
        return false;
    w->present = slow_bit(entry, 0);
    if (!w->present)
        return false;
    w->reserved = reserved;
    w->writable = w->writable && slow_bit(entry, 1);
    w->user = w->user && slow_bit(entry, 2);
    w->xd = w->xd || slow_bit(entry, 63);
    return !reserved;
}

static inline bool slow_any(u64 entry, u32 high, u32 low)
{
    return high >= low && slow_field(entry, high, low) != 0;
}

static inline bool slow_high_reserved(const struct slow *w, u64 entry, bool long_mode)
{
    const bool nxe = slow_bit(w->s->efer, 11);

    if (long_mode)
        return slow_any(entry, 51, w->s->phys_bits) || (slow_bit(entry, 63) && !nxe);
    return slow_any(entry, 62, w->s->phys_bits) || (slow_bit(entry, 63) && !nxe);
}

static inline bool slow_32bit(struct slow *w, u64 gva, u64 *gpa, u64 *size)
{
    const u32 m = w->s->phys_bits;
    const u64 pde =
        slow_read(w, slow_field(w->s->cr3, 31, 12) * 4096 + slow_field(gva, 31, 22) * 4, 4);

    if (slow_bit(pde, 7) && slow_bit(w->s->cr4, 4)) {
        const bool bad = m >= 40 ? slow_bit(pde, 21) : slow_any(pde, 21, m - 19);
        *size = 4 * MiB;
        *gpa = slow_field(pde, 20, 13) * 4 * GiB + slow_field(pde, 31, 22) * 4 * MiB +
               slow_field(gva, 21, 0);
        return slow_entry(w, pde, bad);
    }
    if (!slow_entry(w, pde, false))
        return false;
    const u64 pte = slow_read(w, slow_field(pde, 31, 12) * 4096 + slow_field(gva, 21, 12) * 4, 4);
    *size = 4096;
    *gpa = slow_field(pte, 31, 12) * 4096 + slow_field(gva, 11, 0);
    return slow_entry(w, pte, false);
}

/* Page directory and page table, which PAE and IA-32e paging have in common. */
static inline bool slow_pd(struct slow *w, u64 table, u64 gva, bool long_mode, u64 *gpa, u64 *size)
{
    const u64 pde = slow_read(w, table + slow_field(gva, 29, 21) * 8, 8);
    const bool bad = slow_high_reserved(w, pde, long_mode);

    if (slow_bit(pde, 7)) {
        *size = 2 * MiB;
        *gpa = slow_field(pde, 51, 21) * 2 * MiB + slow_field(gva, 20, 0);
        return slow_entry(w, pde, bad || slow_any(pde, 20, 13));
    }
    if (!slow_entry(w, pde, bad))
        return false;
    const u64 pte = slow_read(w, slow_field(pde, 51, 12) * 4096 + slow_field(gva, 20, 12) * 8, 8);
    *size = 4096;
    *gpa = slow_field(pte, 51, 12) * 4096 + slow_field(gva, 11, 0);
    return slow_entry(w, pte, slow_high_reserved(w, pte, long_mode));
}

static inline bool slow_long(struct slow *w, u64 gva, bool five, u64 *gpa, u64 *size)
{
    u64 table = slow_field(w->s->cr3, 51, 12) * 4096;

    if (five) {
        const u64 pml5e = slow_read(w, table + slow_field(gva, 56, 48) * 8, 8);
        if (!slow_entry(w, pml5e, slow_high_reserved(w, pml5e, true) || slow_bit(pml5e, 7)))
            return false;
        table = slow_field(pml5e, 51, 12) * 4096;
    }
    const u64 pml4e = slow_read(w, table + slow_field(gva, 47, 39) * 8, 8);
    if (!slow_entry(w, pml4e, slow_high_reserved(w, pml4e, true) || slow_bit(pml4e, 7)))
        return false;
    const u64 pdpte =
        slow_read(w, slow_field(pml4e, 51, 12) * 4096 + slow_field(gva, 38, 30) * 8, 8);
    const bool bad = slow_high_reserved(w, pdpte, true);
    if (slow_bit(pdpte, 7)) {
        *size = GiB;
        *gpa = slow_field(pdpte, 51, 30) * GiB + slow_field(gva, 29, 0);
        return slow_entry(w, pdpte, bad || w->s->no_1g || slow_any(pdpte, 29, 13));
    }
    if (!slow_entry(w, pdpte, bad))
        return false;
    return slow_pd(w, slow_field(pdpte, 51, 12) * 4096, gva, true, gpa, size);
}

static inline bool slow_right(const struct slow *w, u32 access)
{
    const bool wp = slow_bit(w->s->cr0, 16), smep = slow_bit(w->s->cr4, 20);
    const bool smap = slow_bit(w->s->cr4, 21), nxe = slow_bit(w->s->efer, 11);

    if (w->s->user) {
        if (access == GVA_EXEC)
            return w->user && !(nxe && w->xd);
        if (access == GVA_WRITE)
            return w->user && w->writable;
        return w->user;
    }
    if (w->user) { /* a user-mode address */
        if (access == GVA_EXEC)
            return !smep && !(nxe && w->xd);
        if (smap && !w->s->ac)
            return false;
        return access != GVA_WRITE || !wp || w->writable;
    }
    if (access == GVA_EXEC)
        return !(nxe && w->xd);
    return access != GVA_WRITE || !wp || w->writable;
}

static inline bool slow_address_ok(u64 gva, bool long_mode, bool five)
{
    if (!long_mode)
        return slow_field(gva, 63, 32) == 0;
    const u64 upper = slow_field(gva, 63, five ? 56 : 47);
    return upper == 0 || upper == (five ? 0xffull : 0x1ffffull);
}

static inline err_t slow_walk(const struct gva_space *s, u64 gva, u32 access,
                              struct gva_result *out)
{
    struct slow w = {.s = s, .present = true, .writable = true, .user = true};
    const bool long_mode = slow_bit(s->efer, 10), five = slow_bit(s->cr4, 12);
    const bool pae = slow_bit(s->cr4, 5);
    u64 gpa = 0, size = 0;
    bool complete;

    *out = (struct gva_result){0};
    if (!slow_address_ok(gva, long_mode, five))
        return E_RANGE;
    if (!slow_bit(s->cr0, 31)) {
        out->gpa.v = gva, out->page_size = 4096;
        return OK;
    }
    if (long_mode) {
        complete = slow_long(&w, gva, five, &gpa, &size);
    } else if (pae) {
        const u64 pdpte = s->pdpte[slow_field(gva, 31, 30)];
        w.present = slow_bit(pdpte, 0);
        complete =
            w.present && slow_pd(&w, slow_field(pdpte, 51, 12) * 4096, gva, false, &gpa, &size);
    } else {
        complete = slow_32bit(&w, gva, &gpa, &size);
    }
    if (w.io)
        return E_IO;
    if (complete && slow_right(&w, access)) {
        out->gpa.v = gpa, out->page_size = size;
        return OK;
    }
    const bool id = access == GVA_EXEC && ((pae && slow_bit(s->efer, 11)) || slow_bit(s->cr4, 20));
    out->fault_error = (u32)w.present | (u32)(access == GVA_WRITE) << 1 | (u32)s->user << 2 |
                       (u32)w.reserved << 3 | (u32)id << 4;
    return w.present ? E_PERM : E_NOENT;
}
