/* Guest page-table walk.  SDM Vol. 3A, "Paging": "32-Bit Paging", "PAE Paging",
 * "4-Level Paging and 5-Level Paging", "Access Rights", "Page-Fault Exceptions".  Pure. */
#include "ept/gva_walk.h"

#define CR0_WP    BIT(16)
#define CR0_PG    BIT(31)
#define CR4_PSE   BIT(4)
#define CR4_PAE   BIT(5)
#define CR4_LA57  BIT(12)
#define CR4_SMEP  BIT(20)
#define CR4_SMAP  BIT(21)
#define EFER_LMA  BIT(10)
#define EFER_NXE  BIT(11)

#define ENTRY_P   BIT(0)
#define ENTRY_RW  BIT(1)
#define ENTRY_US  BIT(2)
#define ENTRY_PS  BIT(7)
#define ENTRY_XD  BIT(63)
#define ADDR_MASK 0x000ffffffffff000ull /* 51:12 */

enum { PF_P = 1, PF_WR = 2, PF_US = 4, PF_RSVD = 8, PF_ID = 16 };

/* One row per paging mode; levels count from 0, the page table. */
struct mode {
    u32 levels;     /* of tables in memory */
    u32 index_bits; /* of the linear address per level */
    u32 entry_bytes;
    u32 linear_bits;
    u32 max_leaf; /* highest level whose entry can map a page */
    bool ia32e;
};

// clang-format off
static const struct mode modes[] = {
    /* levels  index  entry  linear  max_leaf  IA-32e */
    {  2,      10,    4,     32,     1,        false },
    {  2,      9,     8,     32,     1,        false }, /* below the four PDPTE registers */
    {  4,      9,     8,     48,     2,        true  },
    {  5,      9,     8,     57,     2,        true  },
};
// clang-format on
enum { MODE_32BIT, MODE_PAE, MODE_4LEVEL, MODE_5LEVEL };

static const struct mode *mode_of(const struct gva_space *s)
{
    if (s->efer & EFER_LMA)
        return &modes[s->cr4 & CR4_LA57 ? MODE_5LEVEL : MODE_4LEVEL];
    return &modes[s->cr4 & CR4_PAE ? MODE_PAE : MODE_32BIT];
}

/* Bits high:low */
static u64 bits(u32 high, u32 low)
{
    return high < low ? 0 : (~0ull >> (63 - high)) & ~(BIT(low) - 1);
}

static u32 shift_of(const struct mode *m, u32 level)
{
    return 12 + level * m->index_bits;
}

static bool maps_page(const struct gva_space *s, const struct mode *m, u64 entry, u32 level)
{
    if (level == 0)
        return true;
    if (!(entry & ENTRY_PS) || level > m->max_leaf)
        return false;
    return m->entry_bytes == 8 || (s->cr4 & CR4_PSE);
}

/* 4-MByte pages: bits 20:13 of the PDE are bits 39:32 of the address (PSE-36). */
static u64 reserved_32bit(const struct gva_space *s, bool leaf, u32 level)
{
    return leaf && level == 1 ? bits(21, MIN(s->phys_bits, 40) - 19u) : 0;
}

static u64 reserved_8byte(const struct gva_space *s, const struct mode *m, bool leaf, u32 level)
{
    u64 reserved = bits(51, s->phys_bits);

    if (!m->ia32e)
        reserved |= bits(62, 52);
    if (!(s->efer & EFER_NXE))
        reserved |= ENTRY_XD;
    if (leaf && level > 0)
        reserved |= bits(shift_of(m, level) - 1, 13);
    if (level > m->max_leaf || (level == 2 && s->no_1g))
        reserved |= ENTRY_PS;
    return reserved;
}

static u64 reserved_bits(const struct gva_space *s, const struct mode *m, bool leaf, u32 level)
{
    return m->entry_bytes == 4 ? reserved_32bit(s, leaf, level) : reserved_8byte(s, m, leaf, level);
}

static u64 page_base(const struct mode *m, u64 entry, u32 level)
{
    const u64 low = BIT(shift_of(m, level)) - 1;

    if (m->entry_bytes == 4 && level == 1)
        return (entry & bits(31, 22)) | (entry & bits(20, 13)) << 19;
    return entry & ADDR_MASK & ~low;
}

/* The part of the error code that depends on the access alone. */
static u32 access_error(const struct gva_space *s, u32 access)
{
    const bool nx_known = (s->cr4 & CR4_SMEP) || ((s->cr4 & CR4_PAE) && (s->efer & EFER_NXE));

    return (access & GVA_WRITE ? PF_WR : 0u) | (s->user ? PF_US : 0u) |
           ((access & GVA_EXEC) && nx_known ? PF_ID : 0u);
}

/* `rights`: R/W and U/S as the AND over all levels, XD as the OR. */
static bool allowed(const struct gva_space *s, u64 rights, u32 access)
{
    const bool user_page = rights & ENTRY_US;

    if (s->user && !user_page)
        return false;
    if (access & GVA_EXEC) {
        if (rights & ENTRY_XD) /* without EFER.NXE it was a reserved bit */
            return false;
        return s->user || !user_page || !(s->cr4 & CR4_SMEP);
    }
    if (!s->user && user_page && (s->cr4 & CR4_SMAP) && !s->ac)
        return false;
    if (access & GVA_WRITE)
        return (rights & ENTRY_RW) || (!s->user && !(s->cr0 & CR0_WP));
    return true;
}

static bool is_canonical(u64 gva, u32 linear_bits)
{
    const u64 high = bits(63, linear_bits - 1);

    return (gva & high) == 0 || (gva & high) == high;
}

static bool gva_ok(const struct gva_space *s, const struct mode *m, u64 gva)
{
    if (s->efer & EFER_LMA)
        return is_canonical(gva, m->linear_bits);
    return gva <= 0xffffffff;
}

/* Where the walk in memory begins; E_NOENT: the PDPTE register is not present. */
static err_t first_table(const struct gva_space *s, const struct mode *m, u64 gva, u64 *table)
{
    u64 pointer = s->cr3;

    if (m == &modes[MODE_PAE]) {
        pointer = s->pdpte[gva >> 30];
        if (!(pointer & ENTRY_P))
            return E_NOENT;
    }
    *table = pointer & ADDR_MASK;
    if (m == &modes[MODE_32BIT])
        *table &= bits(31, 12);
    return OK;
}

static err_t read_entry(const struct gva_space *s, const struct mode *m, u64 table, u64 index,
                        u64 *entry)
{
    u32 half;

    if (m->entry_bytes == 8)
        return s->read(s->ctx, (gpa_t){table + index * 8}, entry, 8) ? OK : E_IO;
    if (!s->read(s->ctx, (gpa_t){table + index * 4}, &half, 4))
        return E_IO;
    *entry = half;
    return OK;
}

static err_t walk_tables(const struct gva_space *s, const struct mode *m, u64 gva, u32 access,
                         struct gva_result *out)
{
    u64 rights = ENTRY_RW | ENTRY_US, table, entry;
    u32 level = m->levels;

    TRY(first_table(s, m, gva, &table));
    for (;;) {
        level--;
        const u64 index = (gva >> shift_of(m, level)) & (BIT(m->index_bits) - 1);
        TRY(read_entry(s, m, table, index, &entry));
        if (!(entry & ENTRY_P))
            return E_NOENT;
        const bool leaf = maps_page(s, m, entry, level);
        if (entry & reserved_bits(s, m, leaf, level)) {
            out->fault_error |= PF_P | PF_RSVD;
            return E_PERM;
        }
        rights = (rights & entry & (ENTRY_RW | ENTRY_US)) | ((rights | entry) & ENTRY_XD);
        if (leaf)
            break;
        table = entry & ADDR_MASK;
    }
    if (!allowed(s, rights, access)) {
        out->fault_error |= PF_P;
        return E_PERM;
    }
    out->page_size = BIT(shift_of(m, level));
    out->gpa.v = page_base(m, entry, level) | (gva & (out->page_size - 1));
    out->fault_error = 0;
    return OK;
}

err_t gva_walk(const struct gva_space *space, u64 gva, u32 access, struct gva_result *out)
{
    const struct mode *m = mode_of(space);

    *out = (struct gva_result){.fault_error = access_error(space, access)};
    if (space->phys_bits < 32 || space->phys_bits > 52 ||
        (access & ~(u32)GVA_EXEC & ~(u32)GVA_WRITE))
        return E_INVAL;
    if ((access & GVA_WRITE) && (access & GVA_EXEC))
        return E_INVAL;
    if (!gva_ok(space, m, gva))
        return E_RANGE;
    if (!(space->cr0 & CR0_PG)) {
        *out = (struct gva_result){.gpa = {gva}, .page_size = PAGE_SIZE};
        return OK;
    }
    return walk_tables(space, m, gva, access, out);
}
