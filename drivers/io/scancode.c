/* Scan code set 1; see scancode.h.  Pure. */
#include "drivers/io/scancode.h"
#include "lib/mem.h"

enum { PREFIX_E0 = 0xe0, PREFIX_E1 = 0xe1, RELEASED = 0x80 };

/* Codes with a character each: without and with Shift.  A 0 is no such key. */
// clang-format off
static const char plain[] =
    "\0\0331234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] =
    "\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
// clang-format on
_Static_assert(sizeof(plain) == 0x3a + 1 && sizeof(shifted) == sizeof(plain), "codes 0 to 0x39");

#define KEYPAD_FIRST   0x47u
#define KEYPAD_LAST    0x53u
#define CODE_BACKSLASH 0x56u /* the key beside the left Shift on 102-key keyboards */
#define CODE_DIVIDE    0x35u
#define CODE_ENTER     0x1cu

static const char keypad[KEYPAD_LAST - KEYPAD_FIRST + 2] = "789-456+1230.";
/* The same keys without Num Lock, and the grey ones between, which have the prefix. */
static const u8 navigation[KEYPAD_LAST - KEYPAD_FIRST + 1] = {
    KEY_HOME, KEY_UP,  KEY_PAGE_UP, KEY_NONE,      KEY_LEFT,   KEY_NONE,   KEY_RIGHT,
    KEY_NONE, KEY_END, KEY_DOWN,    KEY_PAGE_DOWN, KEY_INSERT, KEY_DELETE,
};

struct row {
    u8 code; /* 0x80 set: with the prefix 0xe0 */
    u8 key;
    u8 modifier;
};

// clang-format off
static const struct row rows[] = {
    {0x2a, KEY_SHIFT,       MOD_SHIFT_LEFT},
    {0x36, KEY_SHIFT,       MOD_SHIFT_RIGHT},
    {0x1d, KEY_CONTROL,     MOD_CONTROL_LEFT},
    {0x9d, KEY_CONTROL,     MOD_CONTROL_RIGHT},
    {0x38, KEY_ALT,         MOD_ALT_LEFT},
    {0xb8, KEY_ALT,         MOD_ALT_RIGHT},
    {0x3a, KEY_CAPS_LOCK,   MOD_CAPS_LOCK},
    {0x45, KEY_NUM_LOCK,    MOD_NUM_LOCK},
    {0x46, KEY_SCROLL_LOCK, 0},
    {0xdb, KEY_SUPER,       0},
    {0xdc, KEY_SUPER,       0},
    {0xdd, KEY_MENU,        0},
    {0x57, KEY_F11,         0},
    {0x58, KEY_F12,         0},
    {0xb7, KEY_PRINT_SCREEN, 0},
    {0x54, KEY_PRINT_SCREEN, 0}, /* with Alt held */
    {0xc6, KEY_PAUSE,       0},  /* with Control held */
};
// clang-format on

#define LOCKS    (MOD_CAPS_LOCK | MOD_NUM_LOCK)
#define F1_CODE  0x3bu
#define F10_CODE 0x44u
/* Sent around grey keys to undo Shift and Num Lock: no keys. */
#define FAKE_SHIFT_LEFT  0x2au
#define FAKE_SHIFT_RIGHT 0x36u

static const struct row *row_of(u8 code, bool extended)
{
    const u8 wanted = extended ? (u8)(code | 0x80) : code;

    for (u32 i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].code == wanted)
            return &rows[i];
    return NULL;
}

static void set_modifier(struct scancode *s, u8 modifier, bool pressed)
{
    if (!(modifier & LOCKS)) {
        s->modifiers = (u8)(pressed ? s->modifiers | modifier : s->modifiers & ~modifier);
        return;
    }
    if (pressed && !(s->held & modifier))
        s->modifiers ^= modifier;
    s->held = (u8)(pressed ? s->held | modifier : s->held & ~modifier);
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* The character of a key, or 0. */
static char character_of(const struct scancode *s, u8 code, bool extended)
{
    const bool shift = s->modifiers & MOD_SHIFT;

    if (extended)
        return code == CODE_DIVIDE ? '/' : code == CODE_ENTER ? '\r' : 0;
    if (code == CODE_BACKSLASH)
        return shift ? '|' : '\\';
    if (code >= KEYPAD_FIRST && code <= KEYPAD_LAST) {
        const u32 i = code - KEYPAD_FIRST;
        const bool digits = !!(s->modifiers & MOD_NUM_LOCK) != shift;
        return navigation[i] == KEY_NONE || digits ? keypad[i] : 0;
    }
    if (code >= sizeof(plain) - 1)
        return 0;
    const bool upper = is_letter(plain[code]) && (s->modifiers & MOD_CAPS_LOCK) ? !shift : shift;
    return upper ? shifted[code] : plain[code];
}

static enum key key_of(u8 code, bool extended)
{
    if (!extended && code >= F1_CODE && code <= F10_CODE)
        return (enum key)(KEY_F1 + (code - F1_CODE));
    if (code >= KEYPAD_FIRST && code <= KEYPAD_LAST)
        return (enum key)navigation[code - KEYPAD_FIRST];
    return KEY_NONE;
}

static bool finish(const struct scancode *s, enum key key, bool pressed, char character,
                   struct key_event *event)
{
    *event = (struct key_event){
        .key = key, .pressed = pressed, .modifiers = s->modifiers, .character = character};
    return true;
}

static bool take_code(struct scancode *s, u8 byte, bool extended, struct key_event *event)
{
    const u8 code = (u8)(byte & ~RELEASED);
    const bool pressed = !(byte & RELEASED);

    if (extended && (code == FAKE_SHIFT_LEFT || code == FAKE_SHIFT_RIGHT))
        return false;
    const struct row *row = row_of(code, extended);
    if (row != NULL) {
        set_modifier(s, row->modifier, pressed);
        return finish(s, (enum key)row->key, pressed, 0, event);
    }
    const char character = character_of(s, code, extended);
    if (character != 0)
        return finish(s, KEY_CHARACTER, pressed, character, event);
    return finish(s, key_of(code, extended), pressed, 0, event);
}

bool scancode_take(struct scancode *s, u8 byte, struct key_event *event)
{
    if (s->skip != 0) {
        /* Pause: e1 1d 45 e1 9d c5, and nothing when it is released. */
        if (--s->skip != 0)
            return false;
        return finish(s, KEY_PAUSE, true, 0, event);
    }
    if (byte == PREFIX_E1) {
        s->prefix = 0;
        s->skip = 5;
        return false;
    }
    if (byte == PREFIX_E0) {
        s->prefix = byte;
        return false;
    }
    const bool extended = s->prefix == PREFIX_E0;
    s->prefix = 0;
    return take_code(s, byte, extended, event);
}

void scancode_resync(struct scancode *s)
{
    s->prefix = 0;
    s->skip = 0;
    s->held = 0;
    s->modifiers &= LOCKS;
}

/* With Control: the characters of columns 4 and 5 of ASCII, and the usual stand-ins. */
static char control_of(char c)
{
    if (is_letter(c) || (c >= '@' && c <= '_'))
        return (char)(c & 0x1f);
    switch (c) {
    case ' ':
    case '2': return 0;
    case '3': return '\033';
    case '4': return '\034';
    case '5': return '\035';
    case '6': return '\036';
    case '/':
    case '7':
    case '-': return '\037';
    case '8':
    case '?': return '\177';
    default: return c;
    }
}

static u32 put(char *bytes, const char *sequence)
{
    const size_t len = strnlen(sequence, KEY_BYTES_MAX);

    memcpy(bytes, sequence, len);
    return (u32)len;
}

u32 key_bytes(const struct key_event *event, char bytes[KEY_BYTES_MAX])
{
    static const char *const sequences[] = {
        [KEY_UP] = "\033[A",         [KEY_DOWN] = "\033[B",    [KEY_RIGHT] = "\033[C",
        [KEY_LEFT] = "\033[D",       [KEY_HOME] = "\033[H",    [KEY_END] = "\033[F",
        [KEY_INSERT] = "\033[2~",    [KEY_DELETE] = "\033[3~", [KEY_PAGE_UP] = "\033[5~",
        [KEY_PAGE_DOWN] = "\033[6~", [KEY_F1] = "\033OP",      [KEY_F2] = "\033OQ",
        [KEY_F3] = "\033OR",         [KEY_F4] = "\033OS",      [KEY_F5] = "\033[15~",
        [KEY_F6] = "\033[17~",       [KEY_F7] = "\033[18~",    [KEY_F8] = "\033[19~",
        [KEY_F9] = "\033[20~",       [KEY_F10] = "\033[21~",   [KEY_F11] = "\033[23~",
        [KEY_F12] = "\033[24~",
    };
    u32 n = 0;

    if (!event->pressed)
        return 0;
    if (event->key != KEY_CHARACTER) {
        if ((u32)event->key >= ARRAY_LEN(sequences) || sequences[event->key] == NULL)
            return 0;
        return put(bytes, sequences[event->key]);
    }
    if (event->modifiers & MOD_ALT)
        bytes[n++] = '\033';
    char c = event->character;
    if (event->modifiers & MOD_CONTROL)
        c = control_of(c);
    else if (c == '\b')
        c = '\177'; /* what a terminal's Backspace sends */
    bytes[n++] = c;
    return n;
}
