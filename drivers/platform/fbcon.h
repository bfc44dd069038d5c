/* A text console on a linear framebuffer, 32 bits a pixel.  It understands what a terminal's
 * guest sends: control characters, UTF-8 (Latin-1 is what the font has), and the common
 * ECMA-48 control sequences; it swallows the others.  Pure. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

#define FBCON_COLUMNS_MAX 240u /* of 8 pixels:  1920 */
#define FBCON_ROWS_MAX    75u  /* of 16 pixels: 1200 */
#define FBCON_PARAMS      8u
#define FBCON_GLYPHS      256u
#define FBCON_GLYPH_WIDTH 8u
#define FBCON_GLYPH_ROWS  16u

/* By Latin-1 code; a row is a byte, its most significant bit the leftmost pixel.
 * Made by tools/mkfont.py. */
extern const u8 console_font[FBCON_GLYPHS][FBCON_GLYPH_ROWS];

struct fbcon_cell {
    u8 glyph;
    u8 colours; /* background << 4 | foreground */
};

/* Owner: whoever owns the framebuffer; no lock; about 72 KiB.  The framebuffer is only ever
 * written: reading it is slow on a real machine, so what it shows is remembered. */
struct fbcon {
    volatile u32 *pixels;
    u32 stride; /* pixels */
    bool bgrx;
    u32 columns, rows;
    u32 column, row; /* column == columns: the next character goes to the next row */
    u32 top;         /* want[]'s row that is the screen's first: scrolling moves no cells */
    u32 dirty_first, dirty_last;   /* screen rows to be looked at by flush; first > last: none */
    u32 cursor_column, cursor_row; /* where the cursor is shown */
    u8 colours;
    bool reverse;
    u8 state; /* of the escape-sequence parser */
    u32 param[FBCON_PARAMS];
    u32 param_count;
    u32 code_point; /* of the UTF-8 sequence being received */
    u32 code_more;  /* its bytes still to come */
    struct fbcon_cell want[FBCON_ROWS_MAX][FBCON_COLUMNS_MAX];
    struct fbcon_cell shown[FBCON_ROWS_MAX][FBCON_COLUMNS_MAX];
};

/* Goes on at fb->column, fb->row without touching what is on the screen; `pixels` is where
 * fb->base is mapped.  E_NOTSUP: no framebuffer or not one of ours; E_RANGE: it contradicts itself.
 */
err_t fbcon_init(struct fbcon *con, const struct boot_fb *fb, volatile void *pixels);
/* Blank screen, cursor at the upper left. */
void fbcon_clear(struct fbcon *con);
void fbcon_write(struct fbcon *con, const char *text, size_t len);
