/* What a command says: a table for people, with columns, or JSON for programs.  Either way the same
 * calls: the JSON's members are the columns' names.  Pure. */
#pragma once
#include "lib/json.h"
#include "lib/types.h"
#include <stdarg.h>

struct output_column {
    const char *name;  /* of the JSON's member */
    const char *title; /* for people */
    i32 width;         /* characters; negative: to the left */
};

struct output {
    bool json;
    struct json j;
    const struct output_column *column;
    u32 columns, cell;
    void (*write)(void *context, const char *text, size_t len); /* to the terminal */
    void *context;
    char *buffer; /* of the JSON */
    size_t size;
};

/* Begins the answer of one command. */
void output_begin(struct output *o, bool json);
/* Ends it.  An answer that did not fit the buffer becomes an error. */
void output_end(struct output *o);

/* A table; its rows have as many cells as there are columns, in their order. */
void output_table(struct output *o, const char *name, const struct output_column *column,
                  u32 columns);
void output_row(struct output *o);
void output_text(struct output *o, const char *text);
void output_number(struct output *o, u64 number);
void output_row_end(struct output *o);
void output_table_end(struct output *o);

/* A sentence for people; a member of the JSON ("message", or "error", which is the reason why
 * nothing was done). */
void output_say(struct output *o, const char *format, ...) PRINTF_LIKE(2, 3);
void output_fail(struct output *o, const char *format, ...) PRINTF_LIKE(2, 3);
/* Rows of text for people, `stride` bytes from one to the next; bit n of `headings`: row n stands
 * out.  over: over what the terminal shows, from its first row on; else below it. */
void output_screen(struct output *o, const char *row, u32 rows, size_t stride, u32 headings,
                   bool over);
/* Text as it is, a line for each: "lines" in the JSON. */
void output_lines(struct output *o, const char *text);
