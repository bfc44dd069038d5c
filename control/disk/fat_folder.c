/* Folders and names; see fat.h.  Pure. */
#include "control/disk/fat_parts.h"
#include "lib/mem.h"

#define ENTRY            32u
#define ENTRIES_MAX      65536u
#define LONG_CHARACTERS  13u
#define LONG_ENTRIES     20u
#define LONG_LAST        0x40u
#define ATTRIBUTE_RO     0x01u
#define ATTRIBUTE_VOLUME 0x08u
#define ATTRIBUTE_FOLDER 0x10u
#define ATTRIBUTES_LONG  0x0fu
#define LOWER_BASE       0x08u /* of the byte behind the attributes: Windows NT's */
#define LOWER_EXTENSION  0x10u

/* The entries of a long name come before that of the file, the last part first. */
struct long_name {
    char text[LONG_ENTRIES * LONG_CHARACTERS + 1];
    u8 sum;
    u32 expected; /* the number of the next part; 0: the name is complete */
    bool valid;
};

void fat_root(const struct fat *f, struct fat_folder *folder)
{
    *folder = (struct fat_folder){.cluster = f->kind == FAT32 ? f->root_cluster : 0};
}

err_t fat_enter(const struct fat *f, const struct fat_entry *e, struct fat_folder *folder)
{
    if (!e->folder || !fat_is_cluster(f, e->cluster))
        return E_INVAL;
    *folder = (struct fat_folder){.cluster = e->cluster};
    return OK;
}

/* Goes to the next sector of a folder, if this one is over.  E_NOENT: it was the last. */
static err_t advance(struct fat *f, struct fat_folder *at)
{
    if (at->entry < f->sectors->sector_size / ENTRY)
        return OK;
    at->entry = 0;
    at->sector++;
    if (at->cluster == 0)
        return at->sector < f->root_sectors ? OK : E_NOENT;
    if (at->sector < f->cluster_sectors)
        return OK;
    at->sector = 0;
    return fat_follow(f, at->cluster, &at->cluster);
}

/* The next 32 bytes.  E_NOENT: there are no more; E_INVAL: more than a folder can have. */
static err_t next_raw(struct fat *f, struct fat_folder *at, const u8 **raw)
{
    const u8 *data;

    if (at->end)
        return E_NOENT;
    TRY(advance(f, at));
    if (at->seen++ == ENTRIES_MAX)
        return E_INVAL;

    const u64 first = at->cluster ? fat_first_sector(f, at->cluster) : f->root_first;

    TRY(fat_sector(f, FAT_FOLDER, first + at->sector, &data));
    *raw = data + at->entry++ * ENTRY;
    return OK;
}

/* ------------------------------------------------------------ names */

static u8 sum_of(const u8 *raw)
{
    u8 sum = 0;

    for (u32 i = 0; i < 11; i++)
        sum = (u8)((sum << 7 | sum >> 1) + raw[i]);
    return sum;
}

static char character(u16 c)
{
    return c == 0xffff || c == 0 ? '\0' : c >= 0x20 && c < 0x7f ? (char)c : '?';
}

static void add_part(struct long_name *n, const u8 *raw)
{
    static const u8 places[LONG_CHARACTERS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    const u32 number = raw[0] & (LONG_LAST - 1);

    if (raw[0] & LONG_LAST) {
        memset(n, 0, sizeof(*n));
        n->valid = true;
        n->sum = raw[13];
        n->expected = number;
    }
    if (number == 0 || number > LONG_ENTRIES || number != n->expected || raw[13] != n->sum) {
        n->valid = false;
        return;
    }
    for (u32 i = 0; i < LONG_CHARACTERS; i++)
        n->text[(number - 1) * LONG_CHARACTERS + i] = character(get16(raw + places[i]));
    n->expected--;
}

/* A part of a short name without the blanks behind it; returns its end. */
static char *add_short(char *to, const u8 *raw, u32 len, bool lower)
{
    while (len && raw[len - 1] == ' ')
        len--;
    for (u32 i = 0; i < len; i++) {
        const char c = character(raw[i]);

        *to++ = lower && c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    return to;
}

static void take_short(char name[13], const u8 *raw)
{
    char *at = add_short(name, raw, 8, raw[12] & LOWER_BASE);
    char *const dot = at;

    at = add_short(at + 1, raw + 8, 3, raw[12] & LOWER_EXTENSION);
    *dot = at == dot + 1 ? '\0' : '.';
    *at = '\0';
}

static void take_entry(const struct fat *f, const u8 *raw, const struct long_name *n,
                       struct fat_entry *e)
{
    *e = (struct fat_entry){.folder = raw[11] & ATTRIBUTE_FOLDER,
                            .read_only = raw[11] & ATTRIBUTE_RO,
                            .cluster = get16(raw + 26),
                            .size = get32(raw + 28)};
    if (f->kind == FAT32)
        e->cluster |= (u32)get16(raw + 20) << 16;
    take_short(e->short_name, raw);
    memcpy(e->name, e->short_name, sizeof(e->short_name));

    const size_t len = strlen(n->text);

    if (n->valid && n->expected == 0 && n->sum == sum_of(raw) && len && len < FAT_NAME)
        memcpy(e->name, n->text, len + 1);
}

err_t fat_next(struct fat *f, struct fat_folder *folder, struct fat_entry *e)
{
    struct long_name name = {.valid = false};
    const u8 *raw;

    for (;;) {
        TRY(next_raw(f, folder, &raw));
        if (raw[0] == 0) {
            folder->end = true;
            return E_NOENT;
        }
        if (raw[0] == 0xe5)
            name.valid = false;
        else if ((raw[11] & 0x3f) == ATTRIBUTES_LONG)
            add_part(&name, raw);
        else if (raw[11] & ATTRIBUTE_VOLUME)
            name.valid = false;
        else
            break;
    }
    take_entry(f, raw, &name, e);
    return OK;
}

/* ------------------------------------------------------------ paths */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* '?' stands for many characters, and is no name's. */
static bool is_name(const char *name, const char *part, size_t len)
{
    size_t i = 0;

    while (i < len && name[i] && part[i] != '?' && lower(name[i]) == lower(part[i]))
        i++;
    return i == len && name[i] == '\0';
}

static err_t find_in(struct fat *f, struct fat_folder *folder, const char *part, size_t len,
                     struct fat_entry *e)
{
    err_t err;

    while ((err = fat_next(f, folder, e)) == OK)
        if (is_name(e->name, part, len) || is_name(e->short_name, part, len))
            break;
    return err;
}

static size_t part_len(const char *path)
{
    size_t len = 0;

    while (path[len] && path[len] != '\\' && path[len] != '/')
        len++;
    return len;
}

err_t fat_find(struct fat *f, const char *path, struct fat_entry *e)
{
    struct fat_folder folder;

    fat_root(f, &folder);
    path += *path == '\\' || *path == '/';
    for (;;) {
        const size_t len = part_len(path);

        if (len == 0 || is_name(".", path, len) || is_name("..", path, len))
            return E_INVAL;
        TRY(find_in(f, &folder, path, len, e));
        path += len;
        if (*path == '\0')
            return OK;
        path++;
        if (!e->folder)
            return E_NOENT;
        TRY(fat_enter(f, e, &folder));
    }
}
