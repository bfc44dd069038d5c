/* See spec.h.  Pure. */
#include "control/create/spec.h"
#include "control/disk/backing_text.h"
#include "control/served/device_text.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define MEMORY (64 * MiB) /* if nothing is said */
#define FOLDER "/lintel/" /* of files without one, as in lintel.conf */

/* ------------------------------------------------------------ files */

static bool has_colon(const char *text)
{
    while (*text && *text != ':')
        text++;
    return *text == ':';
}

/* Of the volume, if it does not name a disk. */
static bool make_path(const char *text, const char *volume, char *path, size_t room, char *why)
{
    const bool rooted = text[0] == '\\' || text[0] == '/', named = has_colon(text);
    const size_t len =
        fmt_buf(path, room, "%s%s%s", named ? "" : volume, rooted || named ? "" : FOLDER, text);

    if (!named && volume[0] == '\0') {
        fmt_buf(why, SPEC_WHY,
                "%.60s: no disk of the control partition has \\lintel\\lintel.conf; name the "
                "file's disk, like ide0:1:/lintel/vmlinuz",
                text);
        return false;
    }
    if (len >= room) {
        fmt_buf(why, SPEC_WHY, "%.60s: the path is too long; copy the file into \\lintel", text);
        return false;
    }
    for (; *path; path++)
        if (*path == '\\')
            *path = '/';
    return true;
}

/* Of an image; it is opened later. */
static bool make_file(const struct shell_value *value, const char *volume, char *path, char *why)
{
    static struct backing_text text; /* too large for the stack */
    char reason[SPEC_WHY / 2];

    if (!value->given)
        return true;
    if (!make_path(value->text, volume, path, ABI_PATH_MAX, why))
        return false;
    if (backing_parse(path, &text, reason, sizeof(reason)) == OK && text.kind == BACKING_FILE)
        return true;
    fmt_buf(why, SPEC_WHY, "%.60s is no file; it is like \\lintel\\vmlinuz or ide0:1:/vm/linux",
            value->text);
    return false;
}

/* ------------------------------------------------------------ devices */

struct lines {
    struct abi_guest_spec *spec;
    size_t len;
    char *why;
};

static bool add_line(struct lines *l, const char *key, const char *text)
{
    const size_t room = sizeof(l->spec->devices) - l->len;
    const size_t len = fmt_buf(l->spec->devices + l->len, room, "%s %s\n", key, text);

    l->len += len;
    if (len < room)
        return true;
    fmt_buf(l->why, SPEC_WHY, "its disks and networks are too many or have too long names");
    return false;
}

static bool add_disk(struct lines *l, const struct shell_value *v, const char *volume)
{
    static struct backing_text parsed; /* too large for the stack */
    char text[DEVICE_TEXT_MAX], reason[SPEC_WHY - 20];
    const struct shell_value *const memory = &v[KEY_disk_memory];
    size_t len;

    if (memory->given && memory->number % KiB != 0) {
        fmt_buf(l->why, SPEC_WHY, "memory=%.20s is not whole KiB; memory=64M for example",
                memory->text);
        return false;
    }
    if (v[KEY_disk_file].given &&
        !make_path(v[KEY_disk_file].text, volume, text, sizeof(text), l->why))
        return false;
    if (memory->given)
        fmt_buf(text, sizeof(text), "memory:%lluK", (unsigned long long)(memory->number / KiB));
    else if (!v[KEY_disk_file].given)
        fmt_buf(text, sizeof(text), "%s",
                v[v[KEY_disk_whole].given ? KEY_disk_whole : KEY_disk_partition].text);
    len = strnlen(text, sizeof(text));
    len +=
        fmt_buf(text + len, sizeof(text) - len, "%s%s%s", v[KEY_disk_cache].given ? ",cache=" : "",
                v[KEY_disk_cache].given ? v[KEY_disk_cache].text : "",
                v[KEY_disk_readonly].given ? ",ro" : "");
    if (len >= sizeof(text)) {
        fmt_buf(l->why, SPEC_WHY, "--disk: %.60s... is too long", text);
        return false;
    }
    if (backing_parse(text, &parsed, reason, sizeof(reason)) != OK) {
        fmt_buf(l->why, SPEC_WHY, "--disk: %.60s: %s", text, reason);
        return false;
    }
    return add_line(l, "disk", text);
}

static bool add_network(struct lines *l, const struct shell_value *v)
{
    const struct shell_value *const at = &v[KEY_network_switch], *const mac = &v[KEY_network_mac];
    char text[DEVICE_TEXT_MAX];
    struct net_text parsed;
    const char *reason = "";

    fmt_buf(text, sizeof(text), "%.60s%s%.20s%s%s", at->given ? at->text : "lan",
            mac->given ? ",mac=" : "", mac->given ? mac->text : "",
            v[KEY_network_anymac].given ? ",anymac" : "", v[KEY_network_vlan].given ? ",vlan" : "");
    if (net_text_parse(text, &parsed, &reason) != OK) {
        fmt_buf(l->why, SPEC_WHY, "--network: %.60s: %s", text, reason);
        return false;
    }
    return add_line(l, "net", text);
}

/* ------------------------------------------------------------ all of it */

bool spec_make(const struct shell_order *o, const char *volume, struct abi_guest_spec *spec,
               char why[SPEC_WHY])
{
    const struct shell_value *const option = o->option;
    struct lines lines = {.spec = spec, .why = why};

    memset(spec, 0, sizeof(*spec));
    fmt_buf(spec->name, sizeof(spec->name), "%s", o->argument[0].text);
    spec->memory =
        option[OPTION_create_memory].given ? option[OPTION_create_memory].number : MEMORY;
    spec->vcpus = option[OPTION_create_vcpus].given ? (u32)option[OPTION_create_vcpus].number : 1;
    spec->held = option[OPTION_create_paused].given;
    spec->apicv_off =
        option[OPTION_create_apicv].given && strcmp(option[OPTION_create_apicv].text, "off") == 0;
    if (option[OPTION_create_cmdline].given)
        fmt_buf(spec->cmdline, sizeof(spec->cmdline), "%s", option[OPTION_create_cmdline].text);
    if (!make_file(&option[OPTION_create_kernel], volume, spec->kernel, why) ||
        !make_file(&option[OPTION_create_initrd], volume, spec->initrd, why))
        return false;
    for (u32 i = 0; i < o->disks; i++)
        if (!add_disk(&lines, o->disk[i], volume))
            return false;
    for (u32 i = 0; i < o->networks; i++)
        if (!add_network(&lines, o->network[i]))
            return false;
    return true;
}
