/* See editor.h.  Pure. */
#include "control/shell/editor.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define CTRL(letter) ((letter)&0x1f)

enum { ESCAPE = 0x1b, DELETE = 0x7f };
enum { NO_ESCAPE, AFTER_ESCAPE, IN_SEQUENCE };

#define ROOM (EDITOR_WIDTH - (sizeof(EDITOR_PROMPT) - 1)) /* columns for the line */

void editor_init(struct editor *e, editor_complete_fn *complete, void *context)
{
    memset(e, 0, sizeof(*e));
    e->complete = complete;
    e->context = context;
}

/* A line that is too long is shown as the part around the cursor. */
static void draw(const struct editor *e, char *echo, size_t size)
{
    const u32 first = e->cursor < ROOM ? 0 : e->cursor - (u32)ROOM + 1;
    const u32 shown = MIN(e->len - first, (u32)ROOM);
    const u32 column = (u32)sizeof(EDITOR_PROMPT) - 1 + e->cursor - first;

    fmt_buf(echo, size, "\r" EDITOR_PROMPT "%.*s\x1b[K\r\x1b[%uC", (int)shown, e->line + first,
            column);
}

void editor_draw(const struct editor *e, char echo[EDITOR_ECHO])
{
    draw(e, echo, EDITOR_ECHO);
}

/* ------------------------------------------------------------ changes of the line */

static void set_line(struct editor *e, const char *text)
{
    e->len = (u32)MIN(fmt_buf(e->line, sizeof(e->line), "%s", text), (size_t)SHELL_LINE);
    e->cursor = e->len;
}

/* Takes away what lies between `from` and `to`. */
static void cut(struct editor *e, u32 from, u32 to)
{
    memmove(e->line + from, e->line + to, e->len - to + 1);
    e->len -= to - from;
    e->cursor = from;
}

static void take(struct editor *e, u32 from, u32 to)
{
    if (from == to)
        return;
    memcpy(e->taken, e->line + from, to - from);
    e->taken[to - from] = '\0';
    cut(e, from, to);
}

/* False: there is no room. */
static bool insert(struct editor *e, const char *text)
{
    const u32 len = (u32)strlen(text);

    if (len > SHELL_LINE - e->len)
        return false;
    memmove(e->line + e->cursor + len, e->line + e->cursor, e->len - e->cursor + 1);
    memcpy(e->line + e->cursor, text, len);
    e->len += len;
    e->cursor += len;
    return true;
}

static u32 word_start(const struct editor *e)
{
    u32 at = e->cursor;

    while (at && e->line[at - 1] == ' ')
        at--;
    while (at && e->line[at - 1] != ' ')
        at--;
    return at;
}

static void recall(struct editor *e, u32 back)
{
    if (back > MIN(e->lines, EDITOR_HISTORY))
        return;
    e->back = back;
    set_line(e, back ? e->history[(e->lines - back) % EDITOR_HISTORY] : "");
}

/* ------------------------------------------------------------ keys */

static void delete_here(struct editor *e)
{
    if (e->cursor < e->len)
        cut(e, e->cursor, e->cursor + 1);
}

static void delete_before(struct editor *e)
{
    if (e->cursor)
        cut(e, e->cursor - 1, e->cursor);
}

/* Keys of one byte.  False: it is none. */
static bool control_key(struct editor *e, u8 byte)
{
    switch (byte) {
    case CTRL('A'): e->cursor = 0; return true;
    case CTRL('B'): e->cursor -= e->cursor != 0; return true;
    case CTRL('C'): set_line(e, ""); return true;
    case CTRL('D'): delete_here(e); return true;
    case CTRL('E'): e->cursor = e->len; return true;
    case CTRL('F'): e->cursor += e->cursor < e->len; return true;
    case CTRL('K'): take(e, e->cursor, e->len); return true;
    case CTRL('L'): return true;
    case CTRL('N'): recall(e, e->back - (e->back != 0)); return true;
    case CTRL('P'): recall(e, e->back + 1); return true;
    case CTRL('U'): take(e, 0, e->cursor); return true;
    case CTRL('W'): take(e, word_start(e), e->cursor); return true;
    case CTRL('Y'): (void)insert(e, e->taken); return true;
    case '\b':
    case DELETE: delete_before(e); return true;
    default: return false;
    }
}

/* The last byte of ESC [ ... */
static void sequence_key(struct editor *e, u8 byte)
{
    static const struct {
        char last;
        u8 parameter; /* of '~' */
        char control;
    } keys[] = {
        {'A', 0, 'P'}, {'B', 0, 'N'}, {'C', 0, 'F'}, {'D', 0, 'B'}, {'H', 0, 'A'}, {'F', 0, 'E'},
        {'~', 1, 'A'}, {'~', 7, 'A'}, {'~', 4, 'E'}, {'~', 8, 'E'}, {'~', 3, 'D'},
    };

    for (u32 i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].last == (char)byte && (byte != '~' || keys[i].parameter == e->parameter))
            (void)control_key(e, CTRL(keys[i].control));
}

/* True: the byte belongs to a sequence, ESC [ or ESC O, parameters, a letter or '~'. */
static bool take_escape(struct editor *e, u8 byte, char *echo)
{
    if (byte == ESCAPE) {
        e->escape = AFTER_ESCAPE;
        return true;
    }
    if (e->escape == NO_ESCAPE)
        return false;
    if (e->escape == AFTER_ESCAPE) {
        e->escape = byte == '[' || byte == 'O' ? IN_SEQUENCE : NO_ESCAPE;
        e->parameter = 0;
        return true;
    }
    if (byte >= '0' && byte <= '9') {
        e->parameter = (u8)(e->parameter * 10 + byte - '0');
        return true;
    }
    if (byte >= 0x20 && byte < 0x40)
        return true;
    e->escape = NO_ESCAPE;
    sequence_key(e, byte);
    editor_draw(e, echo);
    return true;
}

static void complete(struct editor *e, char *echo)
{
    struct editor_completion c = {{0}, {0}};
    size_t used = 0;

    if (e->complete && (e->cursor == e->len || e->line[e->cursor] == ' '))
        e->complete(e->context, e->line, e->cursor, &c);
    if (!insert(e, c.insert) || (c.insert[0] == '\0' && c.list[0] == '\0')) {
        fmt_buf(echo, EDITOR_ECHO, "\a");
        return;
    }
    if (c.list[0])
        used = fmt_buf(echo, EDITOR_ECHO, "\r\n%s\r\n", c.list);
    draw(e, echo + used, EDITOR_ECHO - used);
}

static void type(struct editor *e, u8 byte, char *echo)
{
    const char text[] = {(char)byte, '\0'};

    if (byte < 0x20 || byte >= DELETE || !insert(e, text)) {
        fmt_buf(echo, EDITOR_ECHO, "\a");
        return;
    }
    if (e->cursor == e->len && e->len < ROOM)
        fmt_buf(echo, EDITOR_ECHO, "%c", byte);
    else
        editor_draw(e, echo);
}

enum editor_result editor_type(struct editor *e, u8 byte, char echo[EDITOR_ECHO])
{
    const bool after_cr = e->after_cr;

    echo[0] = '\0';
    e->after_cr = byte == '\r';
    if (take_escape(e, byte, echo))
        return EDITOR_MORE;
    if (byte == '\n' && after_cr) /* CR LF is one end of a line */
        return EDITOR_MORE;
    if (byte == '\n' || byte == '\r') {
        fmt_buf(echo, EDITOR_ECHO, "\r\n");
        return EDITOR_LINE;
    }
    if (byte == '\t')
        complete(e, echo);
    else if (control_key(e, byte))
        editor_draw(e, echo);
    else
        type(e, byte, echo);
    return EDITOR_MORE;
}

void editor_next(struct editor *e)
{
    const char *const last = e->history[(e->lines - 1) % EDITOR_HISTORY];

    if (e->len && (e->lines == 0 || strcmp(last, e->line) != 0))
        memcpy(e->history[e->lines++ % EDITOR_HISTORY], e->line, sizeof(e->line));
    e->back = 0;
    set_line(e, "");
}
