/* See rules.h.  Pure. */
#include "control/shell/rules.h"
#include "lib/fmt.h"
#include "lib/mem.h"

/* Inclusive. */
static const struct {
    enum shell_option option;
    u64 least, most, multiple;
    const char *words;
} limits[] = {
    {OPTION_create_memory, 4 * MiB, 1024 * GiB, 2 * MiB, "4M to 1024G, in steps of 2M"},
    {OPTION_create_vcpus, 1, 8, 1, "1 to 8"},
    {OPTION_log_lines, 1, 1000, 1, "1 to 1000"},
    {OPTION_trace_lines, 1, 500, 1, "1 to 500"},
    {OPTION_top_interval, 1, 60, 1, "1 to 60"},
};

bool shell_rule_name(const struct shell_names *names, const char *name, char error[SHELL_ERROR])
{
    u32 len = 0;

    for (; name[len]; len++) {
        const char c = name[len];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && (len == 0 || ((c < '0' || c > '9') && c != '-' && c != '_')))
            break;
    }
    if (len == 0 || name[len] || len > SHELL_GUEST_NAME) {
        fmt_buf(error, SHELL_ERROR,
                "'%.40s' is no name; it is a letter, then letters, digits, - and _, at most %u",
                name, SHELL_GUEST_NAME);
        return false;
    }
    for (u32 i = 0; i < names->guests; i++)
        if (strcmp(names->guest[i], name) == 0) {
            fmt_buf(error, SHELL_ERROR,
                    "there is a guest '%s' already; 'destroy' it, or take another name", name);
            return false;
        }
    return true;
}

static bool check_disk(const struct shell_value *v, char *error)
{
    static const enum shell_key sources_keys[] = {KEY_disk_file, KEY_disk_partition, KEY_disk_whole,
                                                  KEY_disk_memory};
    u32 sources = 0;

    for (u32 i = 0; i < ARRAY_LEN(sources_keys); i++)
        sources += v[sources_keys[i]].given;
    if (sources != 1) {
        fmt_buf(error, SHELL_ERROR, "--disk wants one of file=, partition=, whole= and memory=");
        return false;
    }
    if (v[KEY_disk_memory].given && v[KEY_disk_memory].number < 512) {
        fmt_buf(error, SHELL_ERROR,
                "a disk in memory has 512 bytes at least; memory=64M for example");
        return false;
    }
    return true;
}

static i32 digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Six pairs of digits, with colons. */
static bool read_mac(const char *text, u64 *mac)
{
    u32 i = 0;

    *mac = 0;
    for (; i < 17 && text[i]; i++) {
        const i32 digit = digit_of(text[i]);

        if (i % 3 == 2 ? text[i] != ':' : digit < 0)
            return false;
        if (i % 3 != 2)
            *mac = *mac << 4 | (u32)digit;
    }
    return i == 17 && text[i] == '\0';
}

static bool check_network(struct shell_value *v, char *error)
{
    struct shell_value *const mac = &v[KEY_network_mac];

    if (!mac->given ||
        (read_mac(mac->text, &mac->number) && mac->number != 0 && !(mac->number >> 40 & 1)))
        return true;
    fmt_buf(
        error, SHELL_ERROR,
        "'%.40s' is no address of a card; 52:54:00:00:00:01 for example, with an even first byte",
        mac->text);
    return false;
}

static bool check_create(struct shell_order *o, char *error)
{
    if (!o->option[OPTION_create_kernel].given) {
        fmt_buf(error, SHELL_ERROR,
                "'create' wants --kernel FILE, like --kernel \\lintel\\vmlinuz");
        return false;
    }
    if (o->option[OPTION_create_paused].given && o->option[OPTION_create_console].given) {
        fmt_buf(error, SHELL_ERROR, "--paused and --console do not go together; leave one out");
        return false;
    }
    for (u32 i = 0; i < o->disks; i++)
        if (!check_disk(o->disk[i], error))
            return false;
    for (u32 i = 0; i < o->networks; i++)
        if (!check_network(o->network[i], error))
            return false;
    return true;
}

static bool check_needs(const struct shell_order *o, char *error)
{
    if (o->option[OPTION_net_link].given && !o->argument[0].given)
        fmt_buf(error, SHELL_ERROR, "--link wants a guest: net GUEST --link up|down");
    else if (o->command == SHELL_move && !o->option[OPTION_move_cpu].given)
        fmt_buf(error, SHELL_ERROR, "'move' wants --cpu NUMBER; 'list' shows who is where");
    else
        return true;
    return false;
}

bool shell_rules(struct shell_order *o, char error[SHELL_ERROR])
{
    for (u32 i = 0; i < ARRAY_LEN(limits); i++) {
        const struct shell_value *const v = &o->option[limits[i].option];

        if (v->given && (v->number < limits[i].least || v->number > limits[i].most ||
                         v->number % limits[i].multiple)) {
            fmt_buf(error, SHELL_ERROR, "--%s %s is out of its limits: %s",
                    shell_options[limits[i].option].name, v->text, limits[i].words);
            return false;
        }
    }
    if (o->command == SHELL_create && !check_create(o, error))
        return false;
    return check_needs(o, error);
}
