/* Fuzz target for backing_parse(): a text is refused with a reason, or what was understood, written
 * down again, is understood as the same. */
#include "control/disk/backing_text.h"
#include "lib/fmt.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static void write_down(const struct backing_text *t, char *text, size_t room)
{
    size_t len = fmt_buf(text, room, "%s", t->disk);

    if (t->kind == BACKING_MEMORY)
        len += fmt_buf(text + len, room - len, ":%lluK", (unsigned long long)(t->bytes / KiB));
    if (t->kind == BACKING_PARTITION || t->kind == BACKING_FILE)
        len += fmt_buf(text + len, room - len, ":%s", t->partition);
    if (t->kind == BACKING_FILE)
        len += fmt_buf(text + len, room - len, ":%s", t->path);
    fmt_buf(text + len, room - len, ",cache=%s%s", cache_mode_name(t->mode),
            t->read_only ? ",ro" : "");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    char text[512], again[512], why[100];
    struct backing_text t, u;

    size = MIN(size, sizeof(text) - 1);
    memcpy(text, data, size);
    text[size] = '\0';
    const err_t err = backing_parse(text, &t, why, sizeof(why));

    REQUIRE(memchr(why, 0, sizeof(why)) != NULL);
    REQUIRE((err == OK) == (why[0] == '\0'));
    REQUIRE(err == OK || err == E_INVAL);
    if (err != OK)
        return 0;
    REQUIRE(memchr(t.disk, 0, sizeof(t.disk)) && memchr(t.partition, 0, sizeof(t.partition)) &&
            memchr(t.path, 0, sizeof(t.path)));
    REQUIRE((t.kind == BACKING_MEMORY) == (t.bytes != 0) && t.bytes % KiB == 0);
    REQUIRE((t.kind == BACKING_FILE) == (t.path[0] == '/'));
    REQUIRE(t.kind != BACKING_PARTITION || t.partition[0] != '\0');
    write_down(&t, again, sizeof(again));
    REQUIRE(backing_parse(again, &u, why, sizeof(why)) == OK);
    REQUIRE(u.kind == t.kind && u.bytes == t.bytes && u.mode == t.mode &&
            u.read_only == t.read_only && strcmp(u.disk, t.disk) == 0 &&
            strcmp(u.partition, t.partition) == 0 && strcmp(u.path, t.path) == 0);
    return 0;
}
