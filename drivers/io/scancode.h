/* From the bytes of a PC keyboard (scan code set 1, as the 8042 translates it) to keys, and from
 * keys to the characters that a terminal would send: US layout.  IBM PS/2 Hardware Interface
 * Technical Reference, "Keyboards (101- and 102-Key)".  Pure. */
#pragma once
#include "lib/types.h"

enum key {
    KEY_NONE, /* not one that this module knows */
    KEY_CHARACTER,
    KEY_UP,
    KEY_DOWN,
    KEY_RIGHT,
    KEY_LEFT,
    KEY_HOME,
    KEY_END,
    KEY_INSERT,
    KEY_DELETE,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_F1,
    KEY_F2,
    KEY_F3,
    KEY_F4,
    KEY_F5,
    KEY_F6,
    KEY_F7,
    KEY_F8,
    KEY_F9,
    KEY_F10,
    KEY_F11,
    KEY_F12,
    KEY_PRINT_SCREEN,
    KEY_PAUSE,
    KEY_MENU,
    KEY_SHIFT, /* from here on: modifiers and locks */
    KEY_CONTROL,
    KEY_ALT,
    KEY_SUPER,
    KEY_CAPS_LOCK,
    KEY_NUM_LOCK,
    KEY_SCROLL_LOCK,
};

/* Bits of key_event.modifiers: what is held, or locked, after the event. */
enum {
    MOD_SHIFT_LEFT = 0x01,
    MOD_SHIFT_RIGHT = 0x02,
    MOD_CONTROL_LEFT = 0x04,
    MOD_CONTROL_RIGHT = 0x08,
    MOD_ALT_LEFT = 0x10,
    MOD_ALT_RIGHT = 0x20,
    MOD_CAPS_LOCK = 0x40,
    MOD_NUM_LOCK = 0x80,
    MOD_SHIFT = MOD_SHIFT_LEFT | MOD_SHIFT_RIGHT,
    MOD_CONTROL = MOD_CONTROL_LEFT | MOD_CONTROL_RIGHT,
    MOD_ALT = MOD_ALT_LEFT | MOD_ALT_RIGHT,
};

struct key_event {
    enum key key;
    bool pressed; /* also again and again while a key is held */
    u8 modifiers;
    char character; /* of KEY_CHARACTER: shifted and locked, without Control and Alt */
};

/* Where a keyboard's stream of bytes stands.  Owner: the caller.  All zeros at the start. */
struct scancode {
    u8 prefix; /* 0xe0 if that was the byte before */
    u8 skip;   /* bytes of the Pause key still to come */
    u8 modifiers;
    u8 held; /* bits of the lock keys that are down: they repeat, too */
};

/* Takes the next byte.  True: *event is a key that was pressed or released. */
bool scancode_take(struct scancode *s, u8 byte, struct key_event *event);
/* Forgets held keys and half a sequence (bytes were lost); locks stay. */
void scancode_resync(struct scancode *s);

#define KEY_BYTES_MAX 8u
/* What a terminal sends for a key that was pressed: a character, a control character, an escape
 * sequence (xterm's); returns the number of bytes, 0 for keys that send nothing. */
u32 key_bytes(const struct key_event *event, char bytes[KEY_BYTES_MAX]);
