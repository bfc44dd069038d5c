/* See gpt.h.  Pure. */
#include "control/disk/gpt.h"
#include "control/disk/crc32.h"
#include "lib/mem.h"

#define HEADER_BYTES    92u
#define ENTRY_BYTES_MIN 128u
#define TABLE_BYTES_MAX (128u * 1024u)
#define MBR_TABLE       446u
#define MBR_ROWS        4u
#define MBR_ROW         16u
#define MBR_PROTECTIVE  0xeeu
#define READ_ONLY_BIT   BIT(60) /* of the attributes of a basic data partition */

/* What a header says, checked. */
struct header {
    u64 own, other;
    u64 usable_first, usable_last;
    u64 table;
    u32 entries, entry_bytes;
    u32 table_crc;
    u8 disk[16];
};

const char *gpt_doubt_text(enum gpt_doubt doubt)
{
    static const char *const texts[GPT_DOUBTS] = {
        [GPT_MBR] = "sector 0 is not a protective MBR alone; gdisk's 'x', 'n' makes one",
        [GPT_PRIMARY] = "the table at the beginning is damaged; gdisk's 'r', 'b' restores it",
        [GPT_BACKUP] =
            "the table at the end is damaged or elsewhere; gdisk's 'x', 'e' makes it anew",
        [GPT_DIFFERENT] = "the two tables differ; gdisk's 'w' makes them equal",
        [GPT_ENTRY] = "a partition is outside of the usable sectors; delete it",
        [GPT_OVERLAP] = "partitions overlap; delete one of them",
        [GPT_TOO_MANY] = "more than 128 partitions; the others cannot be used",
    };

    return texts[doubt];
}

/* ------------------------------------------------------------ the headers */

static bool protective(const u8 *mbr)
{
    u32 protective_rows = 0;

    if (mbr[510] != 0x55 || mbr[511] != 0xaa)
        return false;
    for (u32 i = 0; i < MBR_ROWS; i++) {
        const u8 *const row = mbr + MBR_TABLE + i * MBR_ROW;

        if (row[4] == 0)
            continue;
        if (row[4] != MBR_PROTECTIVE || get32(row + 8) != 1)
            return false;
        protective_rows++;
    }
    return protective_rows == 1;
}

static bool crc_fits(u8 *header, u32 len)
{
    const u32 wanted = get32(header + 16);

    memset(header + 16, 0, 4);
    return (~crc32_add(CRC32_BEGIN, header, len)) == wanted;
}

/* The table lies beside the header: behind the first one, before the last one, and outside of what
 * the partitions may use. */
static bool table_fits(const struct header *h, const struct sectors *s)
{
    const u64 bytes = (u64)h->entries * h->entry_bytes;
    const u64 sectors = (bytes + s->sector_size - 1) / s->sector_size;

    if (h->entry_bytes < ENTRY_BYTES_MIN || (h->entry_bytes & (h->entry_bytes - 1)) ||
        h->entry_bytes > s->sector_size || bytes == 0 || bytes > TABLE_BYTES_MAX)
        return false;
    if (h->usable_first < 2 || h->usable_first > h->usable_last || h->usable_last >= s->count - 1 ||
        h->table >= s->count)
        return false;
    if (h->own == 1)
        return h->table > 1 && h->table + sectors <= h->usable_first;
    return h->table > h->usable_last && h->table + sectors <= h->own;
}

/* The header at a sector, if it is one.  E_NOENT: nothing like it; E_INVAL: damaged. */
static err_t read_header(struct gpt *g, const struct sectors *s, u64 sector, struct header *h)
{
    u8 *const b = g->buffer;

    TRY(s->read(s->context, sector, b));
    if (memcmp(b, "EFI PART", 8) != 0)
        return E_NOENT;

    const u32 len = get32(b + 12);

    if (get32(b + 8) != 0x10000 || len < HEADER_BYTES || len > s->sector_size || !crc_fits(b, len))
        return E_INVAL;
    *h = (struct header){.own = get64(b + 24),
                         .other = get64(b + 32),
                         .usable_first = get64(b + 40),
                         .usable_last = get64(b + 48),
                         .table = get64(b + 72),
                         .entries = get32(b + 80),
                         .entry_bytes = get32(b + 84),
                         .table_crc = get32(b + 88)};
    memcpy(h->disk, b + 56, sizeof(h->disk));
    return h->own == sector && table_fits(h, s) ? OK : E_INVAL;
}

static err_t check_table(struct gpt *g, const struct sectors *s, const struct header *h)
{
    u64 left = (u64)h->entries * h->entry_bytes;
    u32 crc = CRC32_BEGIN;

    for (u64 sector = h->table; left; sector++) {
        const size_t here = MIN(left, s->sector_size);

        TRY(s->read(s->context, sector, g->buffer));
        crc = crc32_add(crc, g->buffer, here);
        left -= here;
    }
    return ~crc == h->table_crc ? OK : E_INVAL;
}

/* Sets the doubt if header or table are damaged; other errors are the disk's. */
static err_t read_one(struct gpt *g, const struct sectors *s, u64 sector, enum gpt_doubt doubt,
                      struct header *h)
{
    err_t err = read_header(g, s, sector, h);

    if (err == OK)
        err = check_table(g, s, h);
    if (err != OK)
        g->doubts |= BIT32(doubt);
    return err;
}

static bool same(const struct header *a, const struct header *b)
{
    return a->usable_first == b->usable_first && a->usable_last == b->usable_last &&
           a->entries == b->entries && a->entry_bytes == b->entry_bytes &&
           a->table_crc == b->table_crc && a->own == b->other && a->other == b->own &&
           memcmp(a->disk, b->disk, sizeof(a->disk)) == 0;
}

/* Chooses the table to go by. */
static err_t read_headers(struct gpt *g, const struct sectors *s, struct header *h)
{
    struct header backup;
    const err_t first = read_one(g, s, 1, GPT_PRIMARY, h);
    const err_t last = read_one(g, s, s->count - 1, GPT_BACKUP, &backup);

    if (first == OK && last == OK && !same(h, &backup))
        g->doubts |= BIT32(GPT_DIFFERENT);
    if (first == OK)
        return OK;
    if (last == OK) {
        *h = backup;
        return OK;
    }
    return first == E_NOENT && last != E_NOENT ? last : first;
}

/* ------------------------------------------------------------ the entries */

static void take_name(char *name, const u8 *at)
{
    for (u32 i = 0; i < GPT_NAME; i++) {
        const u16 c = get16(at + 2 * i);

        if (c == 0)
            break;
        name[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
}

static bool overlaps(const struct gpt *g, u64 first, u64 last)
{
    for (u32 i = 0; i < g->count; i++)
        if (first < g->partition[i].first + g->partition[i].sectors &&
            g->partition[i].first <= last)
            return true;
    return false;
}

static void take_entry(struct gpt *g, const struct header *h, u32 number, const u8 *e)
{
    static const u8 unused[16];
    const u64 first = get64(e + 32), last = get64(e + 40);

    if (memcmp(e, unused, sizeof(unused)) == 0)
        return;
    if (first > last || first < h->usable_first || last > h->usable_last) {
        g->doubts |= BIT32(GPT_ENTRY);
        return;
    }
    if (g->count == GPT_PARTITIONS) {
        g->doubts |= BIT32(GPT_TOO_MANY);
        return;
    }
    if (overlaps(g, first, last))
        g->doubts |= BIT32(GPT_OVERLAP);

    struct gpt_partition *const p = &g->partition[g->count++];

    *p = (struct gpt_partition){.number = number, .first = first, .sectors = last - first + 1};
    p->read_only = (get64(e + 48) & READ_ONLY_BIT) != 0;
    memcpy(p->type, e, sizeof(p->type));
    memcpy(p->id, e + 16, sizeof(p->id));
    take_name(p->name, e + 56);
}

static err_t read_entries(struct gpt *g, const struct sectors *s, const struct header *h)
{
    const u32 in_sector = s->sector_size / h->entry_bytes;
    u32 crc = CRC32_BEGIN;

    for (u32 i = 0; i < h->entries; i++) {
        if (i % in_sector == 0) {
            const u32 left = (h->entries - i) * h->entry_bytes;

            TRY(s->read(s->context, h->table + i / in_sector, g->buffer));
            crc = crc32_add(crc, g->buffer, MIN(left, s->sector_size));
        }
        take_entry(g, h, i + 1, g->buffer + i % in_sector * h->entry_bytes);
    }
    return ~crc == h->table_crc ? OK : E_IO; /* it was another one a moment ago */
}

err_t gpt_read(struct gpt *g, const struct sectors *s)
{
    struct header h;

    g->count = g->doubts = 0;
    if (s->count < 6)
        return E_NOENT;
    TRY(s->read(s->context, 0, g->buffer));
    if (!protective(g->buffer))
        g->doubts |= BIT32(GPT_MBR);
    TRY(read_headers(g, s, &h));
    TRY(read_entries(g, s, &h));
    for (u32 i = 0; i < g->count && g->doubts; i++)
        g->partition[i].read_only = true;
    return OK;
}

/* 0: it is no number. */
static u32 number_of(const char *text)
{
    u32 number = 0;

    for (; *text >= '0' && *text <= '9' && number < 100000; text++)
        number = number * 10 + (u32)(*text - '0');
    return *text == '\0' ? number : 0;
}

const struct gpt_partition *gpt_find(const struct gpt *g, const char *which)
{
    const u32 number = number_of(which);

    for (u32 i = 0; i < g->count && number; i++)
        if (g->partition[i].number == number)
            return &g->partition[i];
    for (u32 i = 0; i < g->count && which[0]; i++)
        if (strcmp(g->partition[i].name, which) == 0)
            return &g->partition[i];
    return NULL;
}
