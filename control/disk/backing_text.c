/* See backing_text.h.  Pure. */
#include "control/disk/backing_text.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define MEMORY "memory"
#define CACHE  "cache="

/* The reader, and where its complaints go. */
struct reader {
    const char *text, *at;
    char *why;
    size_t why_size;
};

static err_t complain(const struct reader *r, const char *at, const char *what)
{
    fmt_buf(r->why, r->why_size, "character %u: %s", (u32)(at - r->text) + 1, what);
    return E_INVAL;
}

/* The characters up to one of `stops`, or the end. */
static err_t take(struct reader *r, const char *stops, char *to, size_t room, const char *what)
{
    const char *const first = r->at;
    size_t len = 0;

    while (first[len] != '\0' && first[len] != stops[0] && first[len] != stops[1])
        len++;
    r->at += len;
    if (len == 0 || len >= room)
        return complain(r, first, what);
    memcpy(to, first, len);
    to[len] = '\0';
    return OK;
}

/* ------------------------------------------------------------ the source */

static u64 unit(char c)
{
    switch (c) {
    case 'K': return KiB;
    case 'M': return MiB;
    case 'G': return GiB;
    default: return 0;
    }
}

static err_t take_size(struct reader *r, u64 *bytes)
{
    const char *const first = r->at;
    u64 n = 0;

    for (; *r->at >= '0' && *r->at <= '9'; r->at++)
        n = MIN(n * 10 + (u64)(*r->at - '0'), BACKING_BYTES_MAX);
    *bytes = n * unit(*r->at);
    if (r->at == first || n == 0 || *bytes == 0 || *bytes > BACKING_BYTES_MAX)
        return complain(r, first, "a size is a number with K, M or G, up to 1024G, like 64M");
    r->at++;
    return OK;
}

static err_t take_place(struct reader *r, struct backing_text *t)
{
    if (*r->at != ':')
        return OK;
    r->at++;
    t->kind = BACKING_PARTITION;
    if (*r->at != ':')
        TRY(take(r, ":,", t->partition, sizeof(t->partition),
                 "a partition is its number or its name, of up to 36 characters, like ide0:2"));
    if (*r->at != ':')
        return OK;
    r->at++;
    t->kind = BACKING_FILE;
    if (*r->at != '/')
        return complain(r, r->at, "a file is its path from '/' on, like ide0:2:/vm/disk.img");
    return take(r, ",,", t->path, sizeof(t->path), "a path has up to 255 characters");
}

static err_t take_source(struct reader *r, struct backing_text *t)
{
    TRY(take(r, ":,", t->disk, sizeof(t->disk),
             "a disk is ide0, virtio0, ... as the log lists them, drive0 for the first one, or "
             "memory:SIZE"));
    if (strcmp(t->disk, MEMORY) != 0)
        return take_place(r, t);
    t->kind = BACKING_MEMORY;
    if (*r->at != ':')
        return complain(r, r->at, "memory wants a size, like memory:64M");
    r->at++;
    return take_size(r, &t->bytes);
}

/* ------------------------------------------------------------ the options */

static err_t take_option(struct reader *r, struct backing_text *t)
{
    static const char wanted[] = "an option is ro, or cache= with writeback, none, writethrough or "
                                 "unsafe; names and paths have no comma";
    const char *const first = r->at;
    char word[24];

    TRY(take(r, ",,", word, sizeof(word), wanted));
    if (strcmp(word, "ro") == 0)
        t->read_only = true;
    else if (strcmp(word, "deadly") == 0 && t->kind == BACKING_MEMORY)
        t->deadly = true;
    else if (strncmp(word, CACHE, sizeof(CACHE) - 1) != 0 ||
             !cache_mode_parse(word + sizeof(CACHE) - 1, &t->mode))
        return complain(r, first, wanted);
    return OK;
}

err_t backing_parse(const char *text, struct backing_text *t, char *why, size_t why_size)
{
    struct reader r = {text, text, why, why_size};

    fmt_buf(why, why_size, "%s", "");
    *t = (struct backing_text){.mode = CACHE_WRITEBACK};
    TRY(take_source(&r, t));
    while (*r.at == ',') {
        r.at++;
        TRY(take_option(&r, t));
    }
    return *r.at == '\0' ? OK : complain(&r, r.at, "a comma or the end belongs here");
}
