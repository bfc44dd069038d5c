/* See help.h.  Pure. */
#include "control/shell/help.h"
#include "lib/fmt.h"
#include "lib/mem.h"

static const struct output_column command_columns[] = {
    {"name", "command", -8}, {"usage", "", -12}, {"help", "", -1}};
static const struct output_column option_columns[] = {
    {"name", "option", -12}, {"values", "value", -12}, {"help", "", -1}};
static const struct output_column key_columns[] = {
    {"of", "option", -9}, {"name", "key", -10}, {"values", "value", -12}, {"help", "", -1}};
static const struct output_column setting_columns[] = {
    {"name", "setting", -8}, {"values", "value", -21}, {"help", "", -1}};

/* A row of texts; NULL ends it. */
static void put_row(struct output *out, const char *const *text)
{
    output_row(out);
    for (; *text; text++)
        output_text(out, *text);
    output_row_end(out);
}

#define ROW(out, ...) put_row(out, (const char *const[]){__VA_ARGS__, NULL})

static void all_commands(struct output *out)
{
    output_table(out, "commands", command_columns, ARRAY_LEN(command_columns));
    for (u32 i = 0; i < SHELL_COMMANDS; i++)
        ROW(out, shell_commands[i].name, shell_commands[i].usage, shell_commands[i].help);
    output_table_end(out);
}

static void options_of(u64 command, struct output *out)
{
    char name[32];

    output_table(out, "options", option_columns, ARRAY_LEN(option_columns));
    for (u32 i = 0; i < SHELL_OPTIONS; i++) {
        if (shell_options[i].command != command)
            continue;
        fmt_buf(name, sizeof(name), "--%s", shell_options[i].name);
        ROW(out, name, shell_options[i].values, shell_options[i].help);
    }
    ROW(out, "--json", "", "answer in JSON");
    output_table_end(out);
}

static void keys(struct output *out)
{
    output_table(out, "keys", key_columns, ARRAY_LEN(key_columns));
    for (u32 i = 0; i < SHELL_KEYS; i++)
        ROW(out, shell_keys[i].of, shell_keys[i].name, shell_keys[i].values, shell_keys[i].help);
    output_table_end(out);
}

static void settings(struct output *out)
{
    output_table(out, "settings", setting_columns, ARRAY_LEN(setting_columns));
    for (u32 i = 0; i < SHELL_SETTINGS; i++)
        ROW(out, shell_settings[i].name, shell_settings[i].values, shell_settings[i].help);
    output_table_end(out);
}

void shell_help(void *context, const struct shell_order *order, struct output *out)
{
    const u64 command = order->argument[0].number;

    (void)context;
    if (!order->argument[0].given) {
        all_commands(out);
        return;
    }
    output_say(out, "%s %s: %s", shell_commands[command].name, shell_commands[command].usage,
               shell_commands[command].help);
    options_of(command, out);
    if (command == SHELL_create)
        keys(out);
    if (command == SHELL_set)
        settings(out);
}
