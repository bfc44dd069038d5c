/* The framebuffer console: rendered into a buffer, read back cell by cell. */
#include "drivers/platform/fbcon.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COLUMNS 20u
#define ROWS    5u
#define WIDTH   (COLUMNS * 8 + 3) /* a rest that no cell covers */
#define HEIGHT  (ROWS * 16 + 7)
#define STRIDE  (WIDTH + 5)
#define PAPER   0x000000u
#define INK     0xc0c0c0u
#define OUTSIDE 0x12345678u
#define SECRET  0x5a5a5a5au

static u32 pixels[HEIGHT][STRIDE];
static struct fbcon con;

static struct boot_fb framebuffer(void)
{
    return (struct boot_fb){.base = 0xe0000000,
                            .size = sizeof(pixels),
                            .width = WIDTH,
                            .height = HEIGHT,
                            .stride = STRIDE,
                            .format = BOOT_FB_BGRX};
}

static void fill(u32 value)
{
    for (u32 y = 0; y < HEIGHT; y++)
        for (u32 x = 0; x < STRIDE; x++)
            pixels[y][x] = value;
}

static int setup(void **state)
{
    const struct boot_fb fb = framebuffer();

    (void)state;
    fill(OUTSIDE);
    if (fbcon_init(&con, &fb, pixels) != OK)
        return -1;
    fbcon_clear(&con);
    return 0;
}

static void put(const char *text)
{
    fbcon_write(&con, text, strlen(text));
}

static bool cell_is(u32 column, u32 row, u8 glyph, u32 ink, u32 paper)
{
    for (u32 y = 0; y < 16; y++)
        for (u32 x = 0; x < 8; x++)
            if (pixels[row * 16 + y][column * 8 + x] !=
                (console_font[glyph][y] & (0x80 >> x) ? ink : paper))
                return false;
    return true;
}

/* The character shown, as seen on the glass; 0: none. The cursor's cell is reversed. */
static char seen(u32 column, u32 row)
{
    for (u32 c = 0x20; c < 0x7f; c++)
        if (cell_is(column, row, (u8)c, INK, PAPER) || cell_is(column, row, (u8)c, PAPER, INK))
            return (char)c;
    return 0;
}

static void check_row(u32 row, const char *want)
{
    char text[COLUMNS + 1] = "";
    size_t len = COLUMNS;

    for (u32 column = 0; column < COLUMNS; column++)
        text[column] = seen(column, row);
    while (len > 0 && text[len - 1] == ' ')
        text[--len] = '\0';
    assert_string_equal(text, want);
}

static void check_screen(const char *const want[ROWS])
{
    for (u32 row = 0; row < ROWS; row++)
        check_row(row, want[row]);
}

/* ------------------------------------------------------------ what a text looks like */

// clang-format off
static const struct {
    const char *name, *text;
    const char *want[ROWS];
    u32 column, row;
} screens[] = {
    {"lines",             "one\ntwo\r\nthree",          {"one", "two", "three", "", ""}, 5, 2},
    {"carriage return",   "hello\rj",                   {"jello", "", "", "", ""}, 1, 0},
    {"backspace",         "ab\b\b\b\bX",                {"Xb", "", "", "", ""}, 1, 0},
    {"tabs",              "\ta\tb\tc\td",               {"        a       b  d", "", "", "", ""}, 20, 0},
    {"full row waits",    "12345678901234567890",       {"12345678901234567890", "", "", "", ""}, 20, 0},
    {"wraps",             "12345678901234567890x",      {"12345678901234567890", "x", "", "", ""}, 1, 1},
    {"full row and LF",   "12345678901234567890\r\nx",  {"12345678901234567890", "x", "", "", ""}, 1, 1},
    {"scrolls",           "1\n2\n3\n4\n5\n6\n7",        {"3", "4", "5", "6", "7"}, 1, 4},
    {"scrolls a lot",     "1\n2\n3\n4\n5\n6\n7\n8\n9\n0\na\nb\nc\n", {"0", "a", "b", "c", ""}, 0, 4},
    {"position",          "\033[2;3Hx\033[Hy\033[99;99Hz", {"y", "  x", "", "", "                   z"}, 20, 4},
    {"cursor moves",      "\033[3;5H\033[2AA\033[BB\033[2DC\033[3CD\033[7GE\033[5dF", {"    A", "    CBE D", "", "", "       F"}, 8, 4},
    {"erase to end",      "abcdef\033[3D\033[K",        {"abc", "", "", "", ""}, 3, 0},
    {"erase to start",    "abcdef\033[3D\033[1K",       {"    ef", "", "", "", ""}, 3, 0},
    {"erase line",        "abcdef\033[2K",              {"", "", "", "", ""}, 6, 0},
    {"erase below",       "a\nbb\ncc\033[2;2H\033[J",   {"a", "b", "", "", ""}, 1, 1},
    {"erase above",       "a\nbb\ncc\033[2;1H\033[1J",  {"", " b", "cc", "", ""}, 0, 1},
    {"erase all",         "a\nb\033[2J\033[Hc",         {"c", "", "", "", ""}, 1, 0},
    {"erase and scroll",  "1\n2\n3\n4\n5\n6\033[1;1H\033[Kx", {"x", "3", "4", "5", "6"}, 1, 0},
    {"unknown sequences", "\033[?25h\033[=3h\033[>c\033(B\033)0\0337\0338\033=a\033[5 qb\033[4~c", {"abc", "", "", "", ""}, 3, 0},
    {"titles",            "\033]0;title\007a\033]2;x\033\\b\033P1$r\033\\c", {"abc", "", "", "", ""}, 3, 0},
    {"many parameters",   "\033[1;2;3;4;5;6;7;8;9;10;11ma", {"a", "", "", "", ""}, 1, 0},
    {"huge parameters",   "\033[99999999999999999999;99999999999999999999Ha\033[4294967295Cb", {"", "", "", "", "                   b"}, 20, 4},
    {"parameters that wrap", "\033[4294967297Ca",    {"                   a", "", "", "", ""}, 20, 0},
    {"several intermediates", "\033$(Ba\033[1 !qb",  {"ab", "", "", "", ""}, 2, 0},
    {"C1 as UTF-8",       "\302\205\302\237",       {"??", "", "", "", ""}, 2, 0},
    {"control in sequence", "ab\033[\b1Kc",             {" c", "", "", "", ""}, 2, 0},
    {"broken UTF-8",      "\303(\377\200\342\202a\360\237\230\200", {"?(???a?", "", "", "", ""}, 7, 0},
    {"other controls",    "a\001\016\017\x7f\ab",       {"ab", "", "", "", ""}, 2, 0},
};
// clang-format on

static void test_screens(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(screens); i++) {
        /* All at once, and byte by byte: what is remembered between calls must be enough. */
        for (u32 pass = 0; pass < 2; pass++) {
            print_message("%s\n", screens[i].name);
            assert_int_equal(setup(state), 0);
            if (pass == 0)
                put(screens[i].text);
            else
                for (const char *c = screens[i].text; *c; c++)
                    fbcon_write(&con, c, 1);
            check_screen(screens[i].want);
            assert_int_equal(con.column, screens[i].column);
            assert_int_equal(con.row, screens[i].row);
        }
    }
}

static void test_colours(void **state)
{
    static const struct {
        const char *sequence;
        u32 ink, paper;
    } rows[] = {
        {"\033[m", 0xc0c0c0, 0x000000},        {"\033[31m", 0xb02020, 0x000000},
        {"\033[1;31m", 0xff6060, 0x000000},    {"\033[91m", 0xff6060, 0x000000},
        {"\033[1;31;22m", 0xb02020, 0x000000}, {"\033[44m", 0xc0c0c0, 0x3050c0},
        {"\033[7m", 0x000000, 0xc0c0c0},       {"\033[7;27m", 0xc0c0c0, 0x000000},
        {"\033[31;0m", 0xc0c0c0, 0x000000},    {"\033[31;44;39;49m", 0xc0c0c0, 0x000000},
        {"\033[38;5;31m", 0xc0c0c0, 0x000000}, {"\033[97;102m", 0xffffff, 0x60e070},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];

        snprintf(text, sizeof(text), "\033[0m\033[H%sA ", rows[i].sequence);
        put(text);
        assert_true(cell_is(0, 0, 'A', rows[i].ink, rows[i].paper));
    }
}

/* What is erased takes the colours of the moment. */
static void test_erase_colours(void **state)
{
    (void)state;
    put("abc\033[44m\033[2K\033[2H");
    assert_true(cell_is(1, 0, ' ', INK, 0x3050c0));
    assert_true(cell_is(1, 1, ' ', INK, PAPER));
}

static void test_latin_1(void **state)
{
    (void)state;
    put("\303\244\302\247 ");
    assert_true(cell_is(0, 0, 0xe4, INK, PAPER));
    assert_true(cell_is(1, 0, 0xa7, INK, PAPER));
    assert_memory_not_equal(console_font[0xe4], console_font['?'], 16);
}

static void test_rgbx(void **state)
{
    struct boot_fb fb = framebuffer();

    (void)state;
    fb.format = BOOT_FB_RGBX;
    assert_int_equal(fbcon_init(&con, &fb, pixels), OK);
    fbcon_clear(&con);
    put("\033[91;44mA ");
    assert_true(cell_is(0, 0, 'A', 0x6060ff, 0xc05030));
}

static void test_cursor(void **state)
{
    (void)state;
    put("a");
    assert_true(cell_is(0, 0, 'a', INK, PAPER));
    assert_true(cell_is(1, 0, ' ', PAPER, INK));
    put("\n");
    assert_true(cell_is(1, 0, ' ', INK, PAPER));
    assert_true(cell_is(0, 1, ' ', PAPER, INK));
    put("\033[1;20Hx"); /* waits behind the last column: shown on it */
    assert_true(cell_is(19, 0, 'x', PAPER, INK));
}

/* Neither the rest at the edges nor the stride's padding is ever written. */
static void test_stays_inside(void **state)
{
    (void)state;
    for (u32 i = 0; i < 200; i++)
        put("\033[7m0123456789abcdefghijkl");
    for (u32 y = 0; y < HEIGHT; y++)
        for (u32 x = 0; x < STRIDE; x++)
            if (x >= COLUMNS * 8 || y >= ROWS * 16)
                assert_int_equal(pixels[y][x], OUTSIDE);
}

/* The framebuffer is not read, and what did not change is not written: with the screen painted over
 * behind its back the console neither notices nor repairs. */
static void test_writes_changes_only(void **state)
{
    (void)state;
    put("same\nsame\nsame\nsame\nlast");
    fill(SECRET);
    put("\n"); /* rows 0 to 2 look as before */
    for (u32 y = 0; y < 3 * 16; y++)
        for (u32 x = 0; x < COLUMNS * 8; x++)
            assert_int_equal(pixels[y][x], SECRET);
    assert_true(cell_is(0, 3, 'l', INK, PAPER));
    assert_true(cell_is(0, 4, ' ', PAPER, INK));
}

/* Two programs write one after the other: the second goes on below the first one's text. */
static void test_goes_on(void **state)
{
    struct boot_fb fb = framebuffer();

    (void)state;
    put("first\nprogram\n");
    fb.column = con.column;
    fb.row = con.row;
    assert_int_equal(fbcon_init(&con, &fb, pixels), OK);
    put("second");
    check_screen((const char *const[]){"first", "program", "second", "", ""});
    put("\n\n\n"); /* scrolls away what it does not know */
    check_screen((const char *const[]){"", "second", "", "", ""});
}

static void test_bad_framebuffers(void **state)
{
    struct boot_fb fb = framebuffer();

    (void)state;
    fb.format = BOOT_FB_NONE;
    assert_int_equal(fbcon_init(&con, &fb, pixels), E_NOTSUP);
    fb.format = 7;
    assert_int_equal(fbcon_init(&con, &fb, pixels), E_NOTSUP);

    fb = framebuffer();
    fb.width = 7;
    assert_int_equal(fbcon_init(&con, &fb, pixels), E_RANGE);
    fb = framebuffer();
    fb.height = 15;
    assert_int_equal(fbcon_init(&con, &fb, pixels), E_RANGE);
    fb = framebuffer();
    fb.stride = WIDTH - 1;
    assert_int_equal(fbcon_init(&con, &fb, pixels), E_RANGE);
    fb = framebuffer();
    fb.size -= 1;
    assert_int_equal(fbcon_init(&con, &fb, pixels), E_RANGE);
    fb = framebuffer();
    fb.width = fb.stride = fb.height = UINT32_MAX;
    assert_int_equal(fbcon_init(&con, &fb, pixels), E_RANGE);

    /* A cursor from nowhere is brought back. */
    fb = framebuffer();
    fb.column = fb.row = UINT32_MAX;
    assert_int_equal(fbcon_init(&con, &fb, pixels), OK);
    put("x");
    assert_int_equal(con.row, ROWS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_screens, setup),
        cmocka_unit_test_setup(test_colours, setup),
        cmocka_unit_test_setup(test_erase_colours, setup),
        cmocka_unit_test_setup(test_latin_1, setup),
        cmocka_unit_test_setup(test_rgbx, setup),
        cmocka_unit_test_setup(test_cursor, setup),
        cmocka_unit_test_setup(test_stays_inside, setup),
        cmocka_unit_test_setup(test_writes_changes_only, setup),
        cmocka_unit_test_setup(test_goes_on, setup),
        cmocka_unit_test(test_bad_framebuffers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
