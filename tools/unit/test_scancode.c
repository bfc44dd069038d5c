/* drivers/io/scancode.c: the codes of set 1 as keys and as a terminal's bytes. */
#include "drivers/io/scancode.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct scancode s;

static int setup(void **state)
{
    (void)state;
    s = (struct scancode){.prefix = 0};
    return 0;
}

/* What a terminal gets for these codes. */
static const char *typed(const char *codes, size_t count)
{
    static char text[64];
    struct key_event event;
    u32 len = 0;

    for (size_t i = 0; i < count; i++)
        if (scancode_take(&s, (u8)codes[i], &event))
            len += key_bytes(&event, text + len);
    text[len] = 0;
    return text;
}
#define TYPED(codes) typed(codes, sizeof(codes) - 1)

static void test_characters(void **state)
{
    (void)state;
    assert_string_equal(TYPED("\x23\xa3\x12\x92\x26\xa6\x26\xa6\x18\x98"), "hello");
    assert_string_equal(TYPED("\x2a\x23\xa3\xaa\x12"), "He");
    assert_string_equal(TYPED("\x36\x02\x03\x0c\x2b\x56\xb6\x02\x2b\x56"), "!@_||1\\\\");
    assert_string_equal(TYPED("\x1c\x0e\x0f\x01\x39"), "\r\x7f\t\x1b ");
    assert_string_equal(TYPED("\xe0\x1c\xe0\x35"), "\r/"); /* of the keypad */
    assert_string_equal(TYPED("\x1e\x1e\x1e\x9e"), "aaa"); /* held */
}

/* The rows of the keyboard: a character without and one with Shift each. */
static void test_table(void **state)
{
    static const struct {
        u8 first;
        const char *plain, *shifted;
    } rows[] = {
        {0x02, "1234567890-=", "!@#$%^&*()_+"},
        {0x10, "qwertyuiop[]", "QWERTYUIOP{}"},
        {0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
        {0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
    };
    struct key_event event;

    (void)state;
    for (u32 r = 0; r < ARRAY_LEN(rows); r++)
        for (u32 i = 0; rows[r].plain[i] != 0; i++) {
            const u8 code = (u8)(rows[r].first + i);
            assert_true(scancode_take(&s, code, &event));
            assert_int_equal(event.character, rows[r].plain[i]);
            (void)scancode_take(&s, 0x2a, &event);
            assert_true(scancode_take(&s, code, &event));
            assert_int_equal(event.character, rows[r].shifted[i]);
            (void)scancode_take(&s, 0xaa, &event);
        }
}

static void test_locks(void **state)
{
    (void)state;
    assert_string_equal(TYPED("\x3a\xba\x1e\x02\x2a\x1e\x02\xaa"), "A1a!");
    assert_string_equal(TYPED("\x3a\x3a\x3a\xba\x1e"), "a"); /* held, it repeats: one change */
    assert_string_equal(TYPED("\x47\x48\x4c"), "\033[H\033[A5");
    assert_string_equal(TYPED("\x45\xc5\x47\x48\x53\x4e\x2a\x47\xaa"), "78.+\033[H");
    assert_string_equal(TYPED("\x45\xc5\x53"), "\033[3~");
}

static void test_control(void **state)
{
    (void)state;
    assert_string_equal(TYPED("\x1d\x1e\x1b\x9d"), "\x01\x1d"); /* Ctrl-A, Ctrl-] */
    assert_string_equal(TYPED("\xe0\x1d\x14\xe0\x9d"), "\x14");
    assert_string_equal(TYPED("\x1d\x2b\x04\x35\x09\x9d"), "\x1c\x1b\x1f\x7f");
    assert_string_equal(TYPED("\x1d\x2a\x1e\xaa\x9d"), "\x01");
    assert_string_equal(TYPED("\x38\x1e\xb8\x1e"), "\033aa");
    struct key_event event;
    (void)scancode_take(&s, 0x1d, &event);
    assert_true(scancode_take(&s, 0x03, &event)); /* Ctrl-2 is a NUL */
    char bytes[KEY_BYTES_MAX];
    assert_int_equal(key_bytes(&event, bytes), 1);
    assert_int_equal(bytes[0], 0);
}

static void test_grey_keys(void **state)
{
    (void)state;
    assert_string_equal(TYPED("\xe0\x48\xe0\xc8\xe0\x50\xe0\x4b\xe0\x4d"),
                        "\033[A\033[B\033[D\033[C");
    /* With the Shift that the keyboard takes back and gives again. */
    assert_string_equal(TYPED("\xe0\x2a\xe0\x53\xe0\xd3\xe0\xaa\x1e"), "\033[3~a");
    assert_string_equal(TYPED("\x3b\x44\x57\x58"), "\033OP\033[21~\033[23~\033[24~");
}

static void expect(const char *codes, size_t count, enum key key, bool pressed, u8 modifiers)
{
    struct key_event event = {.key = KEY_NONE};
    u32 events = 0;

    for (size_t i = 0; i < count; i++)
        events += scancode_take(&s, (u8)codes[i], &event);
    assert_int_equal(events, 1);
    assert_int_equal(event.key, key);
    assert_int_equal(event.pressed, pressed);
    assert_int_equal(event.modifiers, modifiers);
}
#define EXPECT(codes, ...) expect(codes, sizeof(codes) - 1, __VA_ARGS__)

static void test_events(void **state)
{
    (void)state;
    EXPECT("\x2a", KEY_SHIFT, true, MOD_SHIFT_LEFT);
    EXPECT("\x36", KEY_SHIFT, true, MOD_SHIFT);
    EXPECT("\xaa", KEY_SHIFT, false, MOD_SHIFT_RIGHT);
    EXPECT("\xb6", KEY_SHIFT, false, 0);
    EXPECT("\xe0\x38", KEY_ALT, true, MOD_ALT_RIGHT);
    EXPECT("\xe0\xb8", KEY_ALT, false, 0);
    EXPECT("\xe1\x1d\x45\xe1\x9d\xc5", KEY_PAUSE, true, 0);
    EXPECT("\xe0\xc6", KEY_PAUSE, false, 0); /* Ctrl-Break is let go */
    EXPECT("\xe0\x5b", KEY_SUPER, true, 0);
    EXPECT("\xe0\x5d", KEY_MENU, true, 0);
    EXPECT("\x46", KEY_SCROLL_LOCK, true, 0);
    EXPECT("\xe0\x37", KEY_PRINT_SCREEN, true, 0);
    EXPECT("\x9e", KEY_CHARACTER, false, 0);
    EXPECT("\x7f", KEY_NONE, true, 0);
}

static void test_resync(void **state)
{
    (void)state;
    (void)TYPED("\x2a\x1d\x3a\xba\xe1\x1d");
    scancode_resync(&s);
    assert_string_equal(TYPED("\x1e"), "A"); /* Caps Lock stays; Shift, Control, Pause do not */
}

/* Any stream: no more bytes than there is room for. */
static void test_any(void **state)
{
    u32 seed = 31;

    (void)state;
    for (u32 i = 0; i < 1000000; i++) {
        struct key_event event;
        char bytes[KEY_BYTES_MAX + 1] = {0};
        seed = seed * 1103515245 + 12345;
        if (!scancode_take(&s, (u8)(seed >> 16), &event))
            continue;
        const u32 n = key_bytes(&event, bytes);
        assert_true(n <= KEY_BYTES_MAX && bytes[KEY_BYTES_MAX] == 0);
        assert_true(event.key != KEY_CHARACTER || event.character != 0);
        assert_true(event.pressed || n == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_characters, setup), cmocka_unit_test_setup(test_table, setup),
        cmocka_unit_test_setup(test_locks, setup),      cmocka_unit_test_setup(test_control, setup),
        cmocka_unit_test_setup(test_grey_keys, setup),  cmocka_unit_test_setup(test_events, setup),
        cmocka_unit_test_setup(test_resync, setup),     cmocka_unit_test_setup(test_any, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
