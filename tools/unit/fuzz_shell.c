/* Fuzz target for the shell: any bytes that are typed.  The line stays a text, what the terminal
 * gets can be shown, an order is what its row allows, and a failed one says why. */
#include "control/shell/shell.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static const char *const events[] = {"exit", "request"};
static const struct shell_names names = {3, {"web", "a", "web2"}, 2, events};
static struct shell s;
static size_t written;

static void take(void *context, const char *text, size_t len)
{
    (void)context;
    for (size_t i = 0; i < len; i++)
        REQUIRE((text[i] >= 0x20 && text[i] < 0x7f) || strchr("\r\n\a\b\x1b", text[i]));
    written += len;
}

static const struct shell_names *fake_names(void *context)
{
    (void)context;
    return &names;
}

static void require_value(const struct shell_order *o, const char *values,
                          const struct shell_value *v)
{
    struct shell_word w;

    if (!v->given)
        return;
    REQUIRE(v->text[0] == '\0' ||
            (v->text >= o->text && v->text + strlen(v->text) < o->text + sizeof(o->text)));
    REQUIRE(!shell_has_choices(values) || shell_choice(values, (u32)v->number, &w));
}

static void judge(void *context, const struct shell_order *o, struct output *out)
{
    const struct shell_command_row *const row = &shell_commands[o->command];
    const char *const kinds = row->arguments + (row->arguments[0] == '?');

    (void)context;
    for (u32 i = 0; kinds[i]; i++) {
        REQUIRE(o->argument[i].given || row->arguments[0] == '?');
        if (o->argument[i].given && kinds[i] != 'n')
            REQUIRE(o->argument[i].number < 64);
    }
    for (u32 i = 0; i < SHELL_OPTIONS; i++) {
        REQUIRE(!o->option[i].given || shell_options[i].command == o->command);
        require_value(o, shell_options[i].values, &o->option[i]);
    }
    REQUIRE(o->disks <= SHELL_TIMES && o->networks <= SHELL_TIMES);
    for (u32 i = 0; i < SHELL_TIMES; i++)
        for (u32 k = 0; k < SHELL_KEYS; k++) {
            require_value(o, shell_keys[k].values, &o->disk[i][k]);
            require_value(o, shell_keys[k].values, &o->network[i][k]);
            REQUIRE(i < o->disks || !o->disk[i][k].given);
        }
    output_say(out, "%s", row->name);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct shell_actions actions = {.names = fake_names};
    static char buffer[256];

    for (u32 i = 0; i < SHELL_COMMANDS; i++)
        actions.action[i] = judge;
    shell_init(&s, &actions, take, NULL, buffer, sizeof(buffer));
    for (size_t i = 0; i < size; i++) {
        const struct editor *const e = &s.editor;

        written = 0;
        shell_type(&s, data[i]);
        REQUIRE(written < 4 * EDITOR_ECHO);
        REQUIRE(e->len <= SHELL_LINE && e->cursor <= e->len && strlen(e->line) == e->len);
        for (u32 k = 0; k < e->len; k++)
            REQUIRE(e->line[k] >= 0x20 && e->line[k] < 0x7f);
    }
    return 0;
}
