/* See output.h.  Pure. */
#include "control/shell/output.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define SENTENCE 256u

static void put(struct output *o, const char *text, size_t len)
{
    o->write(o->context, text, len);
}

static void put_text(struct output *o, const char *text)
{
    put(o, text, strlen(text));
}

/* A terminal wants a carriage return, too. */
static void put_line_end(struct output *o)
{
    put_text(o, "\r\n");
}

void output_begin(struct output *o, bool json)
{
    o->json = json;
    o->columns = o->cell = 0;
    if (json)
        json_begin(&o->j, o->buffer, o->size);
}

/* JSON is one text; its line feeds get carriage returns on their way to the terminal. */
static void put_json(struct output *o)
{
    const char *at = o->buffer;
    size_t left = o->j.len;

    while (left) {
        size_t len = 0;

        while (len < left && at[len] != '\n')
            len++;
        put(o, at, len);
        if (len < left) {
            put_line_end(o);
            len++;
        }
        at += len;
        left -= len;
    }
}

void output_end(struct output *o)
{
    if (!o->json)
        return;
    if (!json_finish(&o->j)) {
        json_begin(&o->j, o->buffer, o->size);
        json_string(&o->j, "error", "the answer is too long; ask for less");
        (void)json_finish(&o->j);
    }
    put_json(o);
}

/* ------------------------------------------------------------ tables */

static void put_cell(struct output *o, const char *text)
{
    const struct output_column *const c = &o->column[o->cell];
    char cell[SENTENCE];

    fmt_buf(cell, sizeof(cell), "%*s", c->width < 0 ? 0 : c->width, text);
    if (o->cell)
        put_text(o, " ");
    put_text(o, cell);
    if (c->width >= 0 || o->cell + 1 == o->columns)
        return;
    for (size_t len = strlen(cell); len < (size_t)-c->width; len++)
        put_text(o, " ");
}

void output_table(struct output *o, const char *name, const struct output_column *column,
                  u32 columns)
{
    o->column = column;
    o->columns = columns;
    o->cell = 0;
    if (o->json) {
        json_array(&o->j, name);
        return;
    }
    for (; o->cell < columns; o->cell++)
        put_cell(o, column[o->cell].title);
    put_line_end(o);
}

void output_row(struct output *o)
{
    o->cell = 0;
    if (o->json)
        json_object(&o->j, NULL);
}

void output_text(struct output *o, const char *text)
{
    if (o->json)
        json_string(&o->j, o->column[o->cell].name, text);
    else
        put_cell(o, text);
    o->cell++;
}

void output_number(struct output *o, u64 number)
{
    char digits[24];

    if (o->json) {
        json_number(&o->j, o->column[o->cell++].name, number);
        return;
    }
    fmt_buf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    output_text(o, digits);
}

void output_row_end(struct output *o)
{
    if (o->json)
        json_close(&o->j);
    else
        put_line_end(o);
}

void output_table_end(struct output *o)
{
    if (o->json)
        json_close(&o->j);
}

/* ------------------------------------------------------------ sentences */

static void say(struct output *o, const char *member, const char *format, va_list args)
{
    char text[SENTENCE];

    fmt_vbuf(text, sizeof(text), format, args);
    if (o->json) {
        json_string(&o->j, member, text);
        return;
    }
    put_text(o, text);
    put_line_end(o);
}

void output_say(struct output *o, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(o, "message", format, args);
    va_end(args);
}

void output_fail(struct output *o, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(o, "error", format, args);
    va_end(args);
}

/* One line of at most SENTENCE - 1 characters; what is longer is several. */
static const char *put_one_line(struct output *o, const char *text)
{
    char line[SENTENCE];
    size_t len = 0;

    while (text[len] && text[len] != '\n' && len < sizeof(line) - 1)
        len++;
    memcpy(line, text, len);
    line[len] = '\0';
    if (o->json)
        json_string(&o->j, NULL, line);
    else {
        put(o, line, len);
        put_line_end(o);
    }
    return text + len + (text[len] == '\n');
}

void output_lines(struct output *o, const char *text)
{
    if (o->json)
        json_array(&o->j, "lines");
    while (*text)
        text = put_one_line(o, text);
    if (o->json)
        json_close(&o->j);
}

void output_screen(struct output *o, const char *row, u32 rows, size_t stride, u32 headings,
                   bool over)
{
    put_text(o, over ? "\x1b[H" : "");
    for (u32 i = 0; i < rows; i++) {
        const bool heading = over && (headings >> i & 1);

        put_text(o, heading ? "\x1b[7m" : "");
        put_text(o, row + i * stride);
        put_text(o, heading ? "\x1b[m" : "");
        put_text(o, over ? "\x1b[K" : "");
        put_line_end(o);
    }
    put_text(o, over ? "\x1b[J" : "");
}
