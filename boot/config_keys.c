/* Every key of lintel.conf in one table, and what follows from its rows: the words for what
 * is allowed, the check of a number, the key that was meant.  Pure. */
#include "boot/config_keys.h"
#include "boot/config_text.h"
#include "lib/fmt.h"
#include "lib/mem.h"

static const char *const log_levels[] = {
    [CONFIG_LOG_ERROR] = "error", [CONFIG_LOG_WARNING] = "warning", [CONFIG_LOG_INFO] = "info",
    [CONFIG_LOG_DEBUG] = "debug", [CONFIG_LOG_DEBUG + 1] = NULL,
};
static const char *const ends[] = {
    [CONFIG_END_POWEROFF] = "poweroff", [CONFIG_END_REBOOT] = "reboot", [CONFIG_END_HALT] = "halt",
    [CONFIG_END_RETURN] = "return",     [CONFIG_END_RETURN + 1] = NULL,
};
static const char *const laboratory[] = {
    [CONFIG_LAB_OFF] = "off",
    [CONFIG_LAB_ON] = "on",
    [CONFIG_LAB_ASK] = "ask",
    [CONFIG_LAB_ASK + 1] = NULL,
};
static const char *const mitigations[] = {
    [CONFIG_MITIGATIONS_AUTO] = "auto",
    [CONFIG_MITIGATIONS_OFF] = "off",
    [CONFIG_MITIGATIONS_OFF + 1] = NULL,
};
static const char *const runs[] = {
    [CONFIG_RUN_TOGETHER] = "together",
    [CONFIG_RUN_ONE_BY_ONE] = "one-by-one",
    [CONFIG_RUN_ONE_BY_ONE + 1] = NULL,
};
static const char *const schedules[] = {
    [CONFIG_SCHEDULE_SHARED] = "shared",
    [CONFIG_SCHEDULE_PINNED] = "pinned",
    [CONFIG_SCHEDULE_PINNED + 1] = NULL,
};
static const char *const starts[] = {
    [CONFIG_START_BOOT] = "boot",
    [CONFIG_START_ASK] = "ask",
    [CONFIG_START_ASK + 1] = NULL,
};
static const char *const apicvs[] = {
    [CONFIG_APICV_AUTO] = "auto",
    [CONFIG_APICV_OFF] = "off",
    [CONFIG_APICV_OFF + 1] = NULL,
};
static const char *const serveds[] = {
    [CONFIG_SERVED_OFF] = "off",
    [CONFIG_SERVED_DEVICES] = "devices",
    [CONFIG_SERVED_MEMORY] = "memory",
    [CONFIG_SERVED_MEMORY + 1] = NULL,
};
static const char *const reboots[] = {
    [CONFIG_REBOOT_RESTART] = "restart",
    [CONFIG_REBOOT_END] = "end",
    [CONFIG_REBOOT_END + 1] = NULL,
};
static const char *const consoles[] = {
    [CONFIG_CONSOLE_AUTO] = "auto", [CONFIG_CONSOLE_COM1] = "com1",
    [CONFIG_CONSOLE_COM2] = "com2", [CONFIG_CONSOLE_COM3] = "com3",
    [CONFIG_CONSOLE_COM4] = "com4", [CONFIG_CONSOLE_SCREEN] = "screen",
    [CONFIG_CONSOLE_NONE] = "none", [CONFIG_CONSOLE_NONE + 1] = NULL,
};
static const char *const formats[] = {
    [CONFIG_FORMAT_AUTO] = "auto",
    [CONFIG_FORMAT_LINUX] = "linux",
    [CONFIG_FORMAT_MULTIBOOT] = "multiboot",
    [CONFIG_FORMAT_FLAT] = "flat",
    [CONFIG_FORMAT_PVH] = "pvh",
    [CONFIG_FORMAT_PVH + 1] = NULL,
};
static const char *const switches[] = {"off", "on", NULL};

#define GLOBAL(field)      .scope = SCOPE_GLOBAL, .offset = offsetof(struct config, field)
#define GUEST(field)       .scope = SCOPE_GUEST, .offset = offsetof(struct config_guest, field)
#define CHOICE(list, init) .type = TYPE_CHOICE, .choices = (list), .initial = (init)
#define RANGE(init, least, most, steps)                                                            \
    .initial = (init), .min = (least), .max = (most), .step = (steps)
#define COUNT(init, least, most) .type = TYPE_NUMBER, RANGE(init, least, most, 1)
#define REQUIRED                 .required = true

// clang-format off
/* Every key.  A key that is not here is refused. */
const struct key config_keys[] = {
    { "log_level",  GLOBAL(log_level),  CHOICE(log_levels, CONFIG_LOG_INFO) },
    { "on_end",     GLOBAL(on_end),     CHOICE(ends, CONFIG_END_POWEROFF) },
    { "lab",        GLOBAL(lab),        CHOICE(laboratory, CONFIG_LAB_OFF) },
    { "mitigations", GLOBAL(mitigations), CHOICE(mitigations, CONFIG_MITIGATIONS_AUTO) },
    { "run",        GLOBAL(run),        CHOICE(runs, CONFIG_RUN_TOGETHER) },
    { "slice",      GLOBAL(slice),      COUNT(5, 1, 100), .unit = "milliseconds" },
    { "control",    GLOBAL(control),    .type = TYPE_PATH, .room = CONFIG_PATH_MAX },
    { "control_memory", GLOBAL(control_memory), .type = TYPE_SIZE, RANGE(16 * MiB, 8 * MiB, GiB, LARGE_PAGE_SIZE) },
    { "control_cpu", GLOBAL(control_cpus), .type = TYPE_CPUS },
    { "control_poll", GLOBAL(control_poll), CHOICE(switches, CONFIG_OFF) },
    { "memory",     GUEST(memory),      .type = TYPE_SIZE, REQUIRED, RANGE(0, 4 * MiB, 1024 * GiB, LARGE_PAGE_SIZE) },
    { "vcpus",      GUEST(vcpus),       COUNT(1, 1, CONFIG_VCPUS_MAX) },
    { "cpu",        GUEST(cpus),        .type = TYPE_CPUS },
    { "schedule",   GUEST(schedule),    CHOICE(schedules, CONFIG_SCHEDULE_SHARED) },
    { "priority",   GUEST(priority),    COUNT(3, 0, 7) },
    { "weight",     GUEST(weight),      COUNT(100, 1, 1000) },
    { "cap",        GUEST(cap),         COUNT(0, 1, 100), .unit = "percent of one CPU" },
    { "period",     GUEST(period),      COUNT(10, 1, 1000), .unit = "milliseconds" },
    { "lifetime",   GUEST(lifetime),    COUNT(0, 1, 86400000), .unit = "milliseconds" },
    { "exits",      GUEST(exits),       COUNT(0, 1, 4000000000) },
    { "exits_seed", GUEST(exits_seed),  COUNT(0, 1, 4000000000) },
    { "restarts",   GUEST(restarts),    COUNT(0, 0, 1000000) },
    { "paravirt",   GUEST(paravirt),    CHOICE(switches, CONFIG_ON) },
    { "start",      GUEST(start),       CHOICE(starts, CONFIG_START_BOOT) },
    { "apicv",      GUEST(apicv),       CHOICE(apicvs, CONFIG_APICV_AUTO) },
    { "kernel",     GUEST(kernel),      .type = TYPE_PATH, REQUIRED, .room = CONFIG_PATH_MAX },
    { "initrd",     GUEST(initrd),      .type = TYPE_PATH, .room = CONFIG_PATH_MAX },
    { "cmdline",    GUEST(cmdline),     .type = TYPE_TEXT, .room = CONFIG_CMDLINE_MAX },
    { "format",     GUEST(format),      CHOICE(formats, CONFIG_FORMAT_AUTO) },
    { "console",    GUEST(console),     CHOICE(consoles, CONFIG_CONSOLE_AUTO) },
    { "on_reboot",  GUEST(on_reboot),   CHOICE(reboots, CONFIG_REBOOT_RESTART) },
    { "debug_exit", GUEST(debug_exit),  .type = TYPE_PORT, RANGE(0, 1, 0xffff, 1) },
    { "stats",      GUEST(stats),       CHOICE(switches, CONFIG_OFF) },
    { "trace_dump", GUEST(trace_dump),  CHOICE(switches, CONFIG_OFF) },
    { "ledger",     GUEST(ledger),      CHOICE(switches, CONFIG_OFF) },
    { "touch",      GUEST(touch),       CHOICE(switches, CONFIG_OFF) },
    { "served",     GUEST(served),      CHOICE(serveds, CONFIG_SERVED_OFF) },
    { "disk",       GUEST(devices),     .type = TYPE_DEVICE, .room = CONFIG_DEVICES_MAX },
    { "net",        GUEST(devices),     .type = TYPE_DEVICE, .room = CONFIG_DEVICES_MAX },
    { "hvc",        GUEST(devices),     .type = TYPE_DEVICE, .room = CONFIG_DEVICES_MAX, .once = true },
    { "rng",        GUEST(devices),     .type = TYPE_DEVICE, .room = CONFIG_DEVICES_MAX, .once = true },
    { "module",     GUEST(module),      .type = TYPE_MODULE, .room = CONFIG_PATH_MAX },
};
// clang-format on
_Static_assert(ARRAY_LEN(config_keys) == CONFIG_KEYS, "CONFIG_KEYS counts the rows");

static struct allowed allowed_choices(const struct key *key)
{
    struct allowed allowed = {{0}};
    size_t used = 0;

    for (u32 i = 0; key->choices[i] && used < sizeof(allowed.text); i++)
        used += fmt_buf(allowed.text + used, sizeof(allowed.text) - used, "%s%s", i ? ", " : "",
                        key->choices[i]);
    return allowed;
}

struct allowed key_allowed(const struct key *key)
{
    struct allowed allowed = {{0}};
    char *text = allowed.text;
    const size_t size = sizeof(allowed.text);

    switch (key->type) {
    case TYPE_CHOICE: return allowed_choices(key);
    case TYPE_NUMBER:
        fmt_buf(text, size, "%llu to %llu%s%s", (unsigned long long)key->min,
                (unsigned long long)key->max, key->unit ? " " : "", key->unit ? key->unit : "");
        break;
    case TYPE_PORT:
        fmt_buf(text, size, "a port, 0x%llx to 0x%llx", (unsigned long long)key->min,
                (unsigned long long)key->max);
        break;
    case TYPE_SIZE:
        fmt_buf(text, size, "%s to %s in steps of %s, with suffix K, M, G or T",
                text_of_size(key->min).text, text_of_size(key->max).text,
                text_of_size(key->step).text);
        break;
    case TYPE_CPUS:
        fmt_buf(text, size, "CPU numbers 0 to %u and ranges of them like 0,2-3, each CPU once",
                CONFIG_CPUS_MAX - 1);
        break;
    case TYPE_PATH:
    case TYPE_MODULE:
        fmt_buf(text, size, "a file below \\lintel\\, at most %u bytes of ASCII, no '..'",
                key->room - 1);
        break;
    case TYPE_DEVICE:
        fmt_buf(text, size, "text, of all devices of a guest at most %u bytes", key->room - 1);
        break;
    case TYPE_TEXT: fmt_buf(text, size, "text of at most %u bytes", key->room - 1); break;
    }
    return allowed;
}

static bool find_choice(const struct key *key, const char *word, u64 *value)
{
    for (u32 i = 0; key->choices[i]; i++) {
        if (strcmp(key->choices[i], word) == 0) {
            *value = i;
            return true;
        }
    }
    return false;
}

bool key_number(const struct key *key, const char *word, u64 *value)
{
    if (key->type == TYPE_CHOICE)
        return find_choice(key, word, value);
    if (key->type == TYPE_CPUS)
        return text_to_cpus(word, value);
    return text_to_number(word, key->type == TYPE_SIZE, value) && *value >= key->min &&
           *value <= key->max && *value % key->step == 0;
}

static u32 edit_distance(struct span word, const char *name)
{
    u32 row[TEXT_SHOWN_MAX + 1];

    for (u32 i = 0; i <= word.len; i++)
        row[i] = i;
    for (u32 n = 1; *name; name++, n++) {
        u32 diagonal = row[0];

        row[0] = n;
        for (u32 i = 1; i <= word.len; i++) {
            const u32 replaced = diagonal + (word.at[i - 1] != *name);

            diagonal = row[i];
            row[i] = MIN(replaced, MIN(row[i - 1], row[i]) + 1);
        }
    }
    return row[word.len];
}

const struct key *key_nearest(struct span word)
{
    const struct key *best = NULL;
    u32 least = 3; /* two letters exchanged count as two edits: farther away is no slip */

    if (word.len > TEXT_SHOWN_MAX)
        return NULL;
    for (u32 i = 0; i < CONFIG_KEYS; i++) {
        const u32 distance = edit_distance(word, config_keys[i].name);

        if (distance < least && 2 * distance < word.len) {
            least = distance;
            best = &config_keys[i];
        }
    }
    return best;
}
