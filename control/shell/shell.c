/* See shell.h.  Pure. */
#include "control/shell/shell.h"
#include "control/shell/complete.h"
#include "lib/mem.h"

static void complete(void *context, const char *line, u32 cursor, struct editor_completion *c)
{
    struct shell *const s = context;

    shell_complete(s->actions->names(s->actions->context), line, cursor, c);
}

void shell_init(struct shell *s, const struct shell_actions *actions,
                void (*write)(void *context, const char *text, size_t len), void *context,
                char *buffer, size_t size)
{
    memset(s, 0, sizeof(*s));
    s->actions = actions;
    s->out.write = write;
    s->out.context = context;
    s->out.buffer = buffer;
    s->out.size = size;
    editor_init(&s->editor, complete, s);
}

static void put_echo(struct shell *s)
{
    s->out.write(s->out.context, s->echo, strlen(s->echo));
}

void shell_prompt(struct shell *s)
{
    editor_draw(&s->editor, s->echo);
    put_echo(s);
}

static bool goes_on(const struct shell *s)
{
    return s->actions->goes_on && s->actions->goes_on(s->actions->context);
}

void shell_run(struct shell *s, const char *line)
{
    const struct shell_actions *const a = s->actions;
    char error[SHELL_ERROR];
    const bool good = shell_parse(line, a->names(a->context), &s->order, error);

    if (good && s->order.command == SHELL_COMMANDS) /* an empty line */
        return;
    output_begin(&s->out, s->order.json);
    if (good)
        a->action[s->order.command](a->context, &s->order, &s->out);
    else
        output_fail(&s->out, "%s", error);
    if (!goes_on(s))
        output_end(&s->out);
}

void shell_type(struct shell *s, u8 byte)
{
    const enum editor_result result = editor_type(&s->editor, byte, s->echo);

    put_echo(s);
    if (result != EDITOR_LINE)
        return;
    shell_run(s, s->editor.line);
    editor_next(&s->editor);
    if (!goes_on(s))
        shell_prompt(s);
}
