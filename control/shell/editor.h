/* The line that is being typed: a line editor for a terminal with ECMA-48 sequences.  Pure.
 *
 * Left, Right, Ctrl-B, Ctrl-F; Home, End, Ctrl-A, Ctrl-E; Backspace, Delete, Ctrl-D; Ctrl-W a word,
 * Ctrl-U to the beginning, Ctrl-K to the end, Ctrl-Y back what these three took; Up, Down, Ctrl-P,
 * Ctrl-N earlier lines; Ctrl-L draws the line anew, Ctrl-C drops it; Tab completes. */
#pragma once
#include "control/shell/parse.h"

#define EDITOR_HISTORY 32u   /* lines */
#define EDITOR_ECHO    1024u /* bytes: a line and what moves the cursor; a list of completions */
#define EDITOR_PROMPT  "control> "
#define EDITOR_WIDTH   79u /* columns that are used */

/* What Tab does: */
struct editor_completion {
    char insert[64]; /* to be put at the cursor; may be empty */
    char list[600];  /* what it may be, if it is not clear; with blanks between */
};

typedef void editor_complete_fn(void *context, const char *line, u32 cursor,
                                struct editor_completion *c);

struct editor {
    char line[SHELL_LINE + 1]; /* what is typed; a text of printable ASCII */
    u32 len, cursor;
    char history[EDITOR_HISTORY][SHELL_LINE + 1]; /* a ring */
    u32 lines;                                    /* ever put into it */
    u32 back;                                     /* so many lines back is shown; 0: none */
    char taken[SHELL_LINE + 1];                   /* by Ctrl-W, -U, -K */
    u8 escape;                                    /* bytes of a sequence so far, as states */
    u8 parameter;                                 /* of it: the first number */
    bool after_cr;
    editor_complete_fn *complete; /* may be NULL */
    void *context;
};

enum editor_result {
    EDITOR_MORE,
    EDITOR_LINE, /* e->line is complete; editor_next() begins the next one */
};

void editor_init(struct editor *e, editor_complete_fn *complete, void *context);
/* Takes a byte.  `echo` gets what the terminal has to be sent, a text. */
enum editor_result editor_type(struct editor *e, u8 byte, char echo[EDITOR_ECHO]);
/* The line goes into the history, unless it is empty or the last one again. */
void editor_next(struct editor *e);
/* The prompt and the line, as they stand. */
void editor_draw(const struct editor *e, char echo[EDITOR_ECHO]);
