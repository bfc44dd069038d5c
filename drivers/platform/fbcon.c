/* A text console on a linear framebuffer; see fbcon.h.  ECMA-48, "Control functions";
 * UTF-8: RFC 3629.  Pure. */
#include "drivers/platform/fbcon.h"
#include "lib/mem.h"

enum { STATE_TEXT, STATE_ESCAPE, STATE_DESIGNATE, STATE_CSI, STATE_CSI_IGNORE, STATE_STRING };

#define GLYPH_UNKNOWN   0u /* in shown[]: nobody knows what is there; want[] never has it */
#define GLYPH_MISSING   ((u8)'?')
#define COLOURS_INITIAL 0x07u
#define COLOUR_BRIGHT   0x08u
#define PARAM_MAX       9999u
#define TAB_COLUMNS     8u

/* ECMA-48's eight colours and their bright forms, as 0xrrggbb. */
static const u32 palette[16] = {
    0x000000, 0xb02020, 0x209030, 0xa07010, 0x3050c0, 0xa030a0, 0x2090a0, 0xc0c0c0,
    0x606060, 0xff6060, 0x60e070, 0xf0e060, 0x80a0ff, 0xf080f0, 0x70e0f0, 0xffffff,
};

/* ------------------------------------------------------------ drawing */

static struct fbcon_cell *cell_at(struct fbcon *con, u32 column, u32 row)
{
    return &con->want[(con->top + row) % con->rows][column];
}

static u8 swap_colours(u8 colours)
{
    return (u8)(colours << 4 | colours >> 4);
}

static u32 pixel_of(const struct fbcon *con, u32 colour)
{
    const u32 rgb = palette[colour];

    return con->bgrx ? rgb : (rgb & 0xff00) | (rgb & 0xff) << 16 | rgb >> 16;
}

static void draw(struct fbcon *con, u32 column, u32 row, struct fbcon_cell cell)
{
    struct fbcon_cell *shown = &con->shown[row][column];
    const u32 ink = pixel_of(con, cell.colours & 0xf);
    const u32 paper = pixel_of(con, cell.colours >> 4);
    volatile u32 *line = con->pixels + (size_t)row * FBCON_GLYPH_ROWS * con->stride +
                         (size_t)column * FBCON_GLYPH_WIDTH;

    if (cell.glyph == shown->glyph && cell.colours == shown->colours)
        return;
    *shown = cell;
    for (u32 y = 0; y < FBCON_GLYPH_ROWS; y++, line += con->stride) {
        const u32 bits = console_font[cell.glyph][y];

        for (u32 x = 0; x < FBCON_GLYPH_WIDTH; x++)
            line[x] = bits & (0x80u >> x) ? ink : paper;
    }
}

static void mark(struct fbcon *con, u32 first, u32 last)
{
    con->dirty_first = MIN(con->dirty_first, first);
    con->dirty_last = MAX(con->dirty_last, last);
}

/* Draws what differs from what the screen shows. */
static void flush(struct fbcon *con)
{
    mark(con, con->cursor_row, con->cursor_row);
    con->cursor_column = MIN(con->column, con->columns - 1);
    con->cursor_row = con->row;
    mark(con, con->cursor_row, con->cursor_row);

    for (u32 row = con->dirty_first; row <= con->dirty_last; row++) {
        for (u32 column = 0; column < con->columns; column++) {
            struct fbcon_cell cell = *cell_at(con, column, row);

            if (row == con->cursor_row && column == con->cursor_column)
                cell.colours = swap_colours(cell.colours);
            draw(con, column, row, cell);
        }
    }
    con->dirty_first = con->rows;
    con->dirty_last = 0;
}

/* ------------------------------------------------------------ cells and cursor */

static u8 colours_now(const struct fbcon *con)
{
    return con->reverse ? swap_colours(con->colours) : con->colours;
}

/* Blanks the cells [from, to) of a row. */
static void blank(struct fbcon *con, u32 row, u32 from, u32 to)
{
    for (u32 column = from; column < to; column++)
        *cell_at(con, column, row) = (struct fbcon_cell){' ', con->colours};
    mark(con, row, row);
}

static void blank_rows(struct fbcon *con, u32 from, u32 to)
{
    for (u32 row = from; row < to; row++)
        blank(con, row, 0, con->columns);
}

static void line_feed(struct fbcon *con)
{
    if (con->row + 1 < con->rows) {
        con->row++;
        return;
    }
    con->top = (con->top + 1) % con->rows;
    blank(con, con->rows - 1, 0, con->columns);
    mark(con, 0, con->rows - 1);
}

static void put_glyph(struct fbcon *con, u8 glyph)
{
    if (con->column == con->columns) {
        con->column = 0;
        line_feed(con);
    }
    *cell_at(con, con->column, con->row) = (struct fbcon_cell){glyph, colours_now(con)};
    mark(con, con->row, con->row);
    con->column++;
}

/* From 0; clipped to the screen. */
static void move_to(struct fbcon *con, u32 column, u32 row)
{
    con->column = MIN(column, con->columns - 1);
    con->row = MIN(row, con->rows - 1);
}

/* ------------------------------------------------------------ control sequences */

/* A parameter that is absent or 0 means `missing`. */
static u32 param(const struct fbcon *con, u32 index, u32 missing)
{
    return index < con->param_count && con->param[index] != 0 ? con->param[index] : missing;
}

static u32 back(u32 from, u32 by)
{
    return from > by ? from - by : 0;
}

static void cursor_up(struct fbcon *con)
{
    move_to(con, con->column, back(con->row, param(con, 0, 1)));
}

static void cursor_down(struct fbcon *con)
{
    move_to(con, con->column, con->row + param(con, 0, 1));
}

static void cursor_forward(struct fbcon *con)
{
    move_to(con, con->column + param(con, 0, 1), con->row);
}

static void cursor_back(struct fbcon *con)
{
    move_to(con, back(con->column, param(con, 0, 1)), con->row);
}

static void cursor_column(struct fbcon *con)
{
    move_to(con, param(con, 0, 1) - 1, con->row);
}

static void cursor_row(struct fbcon *con)
{
    move_to(con, con->column, param(con, 0, 1) - 1);
}

static void cursor_position(struct fbcon *con)
{
    move_to(con, param(con, 1, 1) - 1, param(con, 0, 1) - 1);
}

enum { ERASE_TO_END, ERASE_TO_START, ERASE_ALL };

static void erase_in_line(struct fbcon *con)
{
    const u32 at = MIN(con->column, con->columns - 1);

    switch (param(con, 0, ERASE_TO_END)) {
    case ERASE_TO_END: blank(con, con->row, at, con->columns); break;
    case ERASE_TO_START: blank(con, con->row, 0, at + 1); break;
    case ERASE_ALL: blank(con, con->row, 0, con->columns); break;
    }
}

static void erase_in_display(struct fbcon *con)
{
    switch (param(con, 0, ERASE_TO_END)) {
    case ERASE_TO_END: blank_rows(con, con->row + 1, con->rows); break;
    case ERASE_TO_START: blank_rows(con, 0, con->row); break;
    case ERASE_ALL: blank_rows(con, 0, con->rows); break;
    }
    erase_in_line(con);
}

static void set_ink(struct fbcon *con, u32 colour)
{
    con->colours = (u8)((con->colours & 0xf0) | colour);
}

static void set_paper(struct fbcon *con, u32 colour)
{
    con->colours = (u8)((con->colours & 0x0f) | colour << 4);
}

static void set_rendition(struct fbcon *con, u32 p)
{
    switch (p) {
    case 0:
        con->colours = COLOURS_INITIAL;
        con->reverse = false;
        break;
    case 1: con->colours |= COLOUR_BRIGHT; break;
    case 22: con->colours &= (u8)~COLOUR_BRIGHT; break;
    case 7: con->reverse = true; break;
    case 27: con->reverse = false; break;
    case 30 ... 37: set_ink(con, p - 30 + (con->colours & COLOUR_BRIGHT)); break;
    case 39: set_ink(con, COLOURS_INITIAL & 0xf); break;
    case 40 ... 47: set_paper(con, p - 40); break;
    case 49: set_paper(con, COLOURS_INITIAL >> 4); break;
    case 90 ... 97: set_ink(con, p - 90 + COLOUR_BRIGHT); break;
    case 100 ... 107: set_paper(con, p - 100 + COLOUR_BRIGHT); break;
    }
}

static void select_rendition(struct fbcon *con)
{
    for (u32 i = 0; i < con->param_count; i++) {
        /* A colour out of 256 or more: its values are parameters too, and mean nothing here. */
        if (con->param[i] == 38 || con->param[i] == 48)
            return;
        set_rendition(con, con->param[i]);
    }
}

/* Control sequences by their final byte; those that are not here are swallowed. */
static const struct {
    u8 final;
    void (*act)(struct fbcon *con);
} sequences[] = {
    {'A', cursor_up},        {'B', cursor_down},   {'C', cursor_forward},   {'D', cursor_back},
    {'G', cursor_column},    {'d', cursor_row},    {'H', cursor_position},  {'f', cursor_position},
    {'J', erase_in_display}, {'K', erase_in_line}, {'m', select_rendition},
};

static void csi_byte(struct fbcon *con, u8 byte)
{
    u32 *last = &con->param[con->param_count - 1];

    if (byte >= '0' && byte <= '9') {
        *last = MIN(*last * 10 + byte - '0', PARAM_MAX);
    } else if (byte == ';') {
        if (con->param_count == FBCON_PARAMS)
            con->state = STATE_CSI_IGNORE;
        else
            con->param[con->param_count++] = 0;
    } else if (byte < 0x40) { /* private parameters and intermediate bytes */
        con->state = STATE_CSI_IGNORE;
    } else {
        con->state = STATE_TEXT;
        for (size_t i = 0; i < ARRAY_LEN(sequences); i++)
            if (sequences[i].final == byte)
                sequences[i].act(con);
    }
}

static void escape_byte(struct fbcon *con, u8 byte)
{
    switch (byte) {
    case '[':
        con->state = STATE_CSI;
        con->param[0] = 0;
        con->param_count = 1;
        break;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
        con->state = STATE_STRING; /* up to BEL, or ESC and one more byte */
        break;
    case 0x20 ... 0x2f: con->state = STATE_DESIGNATE; break;
    default: con->state = STATE_TEXT; break;
    }
}

/* ------------------------------------------------------------ text */

static void control_byte(struct fbcon *con, u8 byte)
{
    switch (byte) {
    case '\a':
        if (con->state == STATE_STRING)
            con->state = STATE_TEXT;
        break;
    case '\b': con->column = back(con->column, 1); break;
    case '\t': move_to(con, ALIGN_DOWN(con->column, TAB_COLUMNS) + TAB_COLUMNS, con->row); break;
    case '\n':
        con->column = 0;
        line_feed(con);
        break;
    case '\r': con->column = 0; break;
    case 0x1b: con->state = STATE_ESCAPE; break;
    }
}

static void text_byte(struct fbcon *con, u8 byte)
{
    if (con->code_more > 0) {
        if ((byte & 0xc0) == 0x80) {
            con->code_point = con->code_point << 6 | (byte & 0x3f);
            if (--con->code_more == 0)
                put_glyph(con, con->code_point >= 0xa0 && con->code_point < FBCON_GLYPHS
                                   ? (u8)con->code_point
                                   : GLYPH_MISSING);
            return;
        }
        con->code_more = 0; /* broken off */
        put_glyph(con, GLYPH_MISSING);
    }
    switch (byte) {
    case 0x20 ... 0x7e: put_glyph(con, byte); break;
    case 0x7f: break;
    case 0xc2 ... 0xdf:
        con->code_point = byte & 0x1f;
        con->code_more = 1;
        break;
    case 0xe0 ... 0xef:
        con->code_point = byte & 0x0f;
        con->code_more = 2;
        break;
    case 0xf0 ... 0xf4:
        con->code_point = byte & 0x07;
        con->code_more = 3;
        break;
    default: put_glyph(con, GLYPH_MISSING); break;
    }
}

static void put_byte(struct fbcon *con, u8 byte)
{
    if (byte < 0x20) { /* controls work inside of sequences too */
        control_byte(con, byte);
        return;
    }
    switch (con->state) {
    case STATE_TEXT: text_byte(con, byte); break;
    case STATE_ESCAPE: escape_byte(con, byte); break;
    case STATE_DESIGNATE: con->state = byte < 0x30 ? STATE_DESIGNATE : STATE_TEXT; break;
    case STATE_CSI: csi_byte(con, byte); break;
    case STATE_CSI_IGNORE: con->state = byte < 0x40 ? STATE_CSI_IGNORE : STATE_TEXT; break;
    case STATE_STRING: break;
    }
}

void fbcon_write(struct fbcon *con, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        put_byte(con, (u8)text[i]);
    flush(con);
}

void fbcon_clear(struct fbcon *con)
{
    for (u32 row = 0; row < con->rows; row++)
        for (u32 column = 0; column < con->columns; column++)
            con->shown[row][column].glyph = GLYPH_UNKNOWN;
    blank_rows(con, 0, con->rows);
    con->column = 0;
    con->row = 0;
    flush(con);
}

err_t fbcon_init(struct fbcon *con, const struct boot_fb *fb, volatile void *pixels)
{
    if (fb->format != BOOT_FB_BGRX && fb->format != BOOT_FB_RGBX)
        return E_NOTSUP;
    if (fb->width < FBCON_GLYPH_WIDTH || fb->height < FBCON_GLYPH_ROWS || fb->stride < fb->width ||
        (u64)fb->stride * fb->height > fb->size / sizeof(u32))
        return E_RANGE;

    memset(con, 0, sizeof(*con)); /* which makes shown[] GLYPH_UNKNOWN */
    con->pixels = pixels;
    con->stride = fb->stride;
    con->bgrx = fb->format == BOOT_FB_BGRX;
    con->columns = MIN(fb->width / FBCON_GLYPH_WIDTH, FBCON_COLUMNS_MAX);
    con->rows = MIN(fb->height / FBCON_GLYPH_ROWS, FBCON_ROWS_MAX);
    con->colours = COLOURS_INITIAL;
    blank_rows(con, 0, con->rows);
    move_to(con, fb->column, fb->row);
    con->cursor_column = con->column;
    con->cursor_row = con->row;
    con->dirty_first = con->rows;
    con->dirty_last = 0;
    return OK;
}
