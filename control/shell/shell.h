/* The management shell: bytes that are typed become orders, which the caller's actions carry out.
 * It knows nothing of guests but their names.  Pure. */
#pragma once
#include "control/shell/editor.h"
#include "control/shell/output.h"

/* Carries out an order.  What is to be said goes to `out`; one that cannot be carried out ends with
 * output_fail(). */
typedef void shell_action_fn(void *context, const struct shell_order *order, struct output *out);

struct shell_actions {
    shell_action_fn *action[SHELL_COMMANDS]; /* none is NULL; help's is shell_help() (help.h) */
    /* The names as they are now; valid until the next call. */
    const struct shell_names *(*names)(void *context);
    /* Whether the last command goes on by itself: its answer and the next prompt are the caller's,
     * who calls shell_prompt() at its end.  NULL: none does. */
    bool (*goes_on)(void *context);
    void *context;
};

struct shell {
    struct editor editor;
    const struct shell_actions *actions;
    struct output out;
    struct shell_order order;
    char echo[EDITOR_ECHO];
};

/* `write` gets all that the terminal is to show; `buffer`: room for an answer in JSON. */
void shell_init(struct shell *s, const struct shell_actions *actions,
                void (*write)(void *context, const char *text, size_t len), void *context,
                char *buffer, size_t size);
/* Shows the prompt: at the beginning, and after a console. */
void shell_prompt(struct shell *s);
/* A byte was typed.  At the end of a line its order is carried out and the next prompt shown. */
void shell_type(struct shell *s, u8 byte);
/* Carries out a line that was not typed. */
NOINLINE void shell_run(struct shell *s, const char *line);
