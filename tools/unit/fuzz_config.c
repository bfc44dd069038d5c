/* Fuzz target for config_parse(): any bytes give a result that keeps config.h's
 * promises, or an error that points into the text. */
#include "boot/config_parse.h"
#include "lib/mem.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static void require_path(const char path[CONFIG_PATH_MAX], bool may_be_empty)
{
    const size_t len = strnlen(path, CONFIG_PATH_MAX);

    REQUIRE(len < CONFIG_PATH_MAX);
    REQUIRE(len > 0 || may_be_empty);
    if (len == 0)
        return;
    REQUIRE(path[0] != '\\' && path[len - 1] != '\\');
    for (size_t i = 0; i < len; i++)
        REQUIRE(path[i] >= 0x20 && path[i] < 0x7f && path[i] != '/' && path[i] != ':');
}

static void require_guest(const struct config *config, u32 index)
{
    const struct config_guest *g = &config->guest[index];
    const size_t name_len = strnlen(g->name, CONFIG_NAME_MAX);

    REQUIRE(name_len > 0 && name_len < CONFIG_NAME_MAX);
    for (u32 i = 0; i < index; i++)
        REQUIRE(strcmp(g->name, config->guest[i].name) != 0);
    REQUIRE(g->memory >= 4 * MiB && g->memory <= 1024 * GiB);
    REQUIRE(IS_ALIGNED(g->memory, 2 * MiB));
    REQUIRE(g->vcpus >= 1 && g->vcpus <= CONFIG_VCPUS_MAX);
    REQUIRE(g->schedule <= CONFIG_SCHEDULE_PINNED);
    REQUIRE(g->priority <= 7);
    REQUIRE(g->weight >= 1 && g->weight <= 1000);
    REQUIRE(g->cap <= 100);
    REQUIRE(g->period >= 1 && g->period <= 1000);
    REQUIRE(g->paravirt <= CONFIG_ON);
    REQUIRE(g->start <= CONFIG_START_ASK);
    REQUIRE(g->apicv <= CONFIG_APICV_OFF);
    REQUIRE(g->format <= CONFIG_FORMAT_PVH);
    REQUIRE(g->console <= CONFIG_CONSOLE_NONE);
    REQUIRE(g->on_reboot <= CONFIG_REBOOT_END);
    REQUIRE(g->debug_exit <= 0xffff);
    REQUIRE(g->stats <= CONFIG_ON);
    REQUIRE(g->trace_dump <= CONFIG_ON);
    REQUIRE(g->ledger <= CONFIG_ON);
    require_path(g->kernel, false);
    require_path(g->initrd, true);
    REQUIRE(strnlen(g->cmdline, CONFIG_CMDLINE_MAX) < CONFIG_CMDLINE_MAX);
    REQUIRE(g->module_count <= CONFIG_GUEST_MODULES);
    for (u32 i = 0; i < g->module_count; i++) {
        require_path(g->module[i].path, false);
        REQUIRE(strnlen(g->module[i].string, CONFIG_STRING_MAX) < CONFIG_STRING_MAX);
    }
}

static void require_position(const char *text, size_t len, const struct config_error *error)
{
    u32 line = 1;
    size_t start = 0, end;

    for (size_t i = 0; i < len && line < error->line; i++)
        if (text[i] == '\n') {
            line++;
            start = i + 1;
        }
    REQUIRE(error->line == line);
    for (end = start; end < len && text[end] != '\n';)
        end++;
    /* One behind the line's last character is where something is missing. */
    REQUIRE(error->column >= 1 && error->column <= end - start + 1);
    REQUIRE(strnlen(error->text, sizeof(error->text)) > 0);
    REQUIRE(strnlen(error->text, sizeof(error->text)) < sizeof(error->text));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct config config, zero;
    struct config_error error;
    char *text = malloc(size ? size : 1); /* its own block: ASan sees a read behind the end */

    REQUIRE(text);
    if (size)
        memcpy(text, data, size);
    if (config_parse(text, size, &config, &error) == OK) {
        REQUIRE(config.log_level <= CONFIG_LOG_DEBUG && config.on_end <= CONFIG_END_RETURN);
        REQUIRE(config.lab <= CONFIG_LAB_ASK);
        REQUIRE(config.mitigations <= CONFIG_MITIGATIONS_OFF);
        REQUIRE(config.run <= CONFIG_RUN_ONE_BY_ONE);
        REQUIRE(config.slice >= 1 && config.slice <= 100);
        REQUIRE(config.guest_count >= 1 || config.lab == CONFIG_LAB_ON);
        REQUIRE(config.guest_count <= CONFIG_GUESTS_MAX);
        for (u32 i = 0; i < config.guest_count; i++)
            require_guest(&config, i);
    } else {
        REQUIRE(memcmp(&config, &zero, sizeof(config)) == 0);
        require_position(text, size, &error);
    }
    free(text);
    return 0;
}
