/* The keys of lintel.conf as data: docs/config.md is the manual.  Pure. */
#pragma once
#include "boot/config_text.h"
#include "config.h"

#define CONFIG_KEYS 42u

enum key_scope { SCOPE_GLOBAL, SCOPE_GUEST };
enum key_type {
    TYPE_CHOICE, /* these three have u32 fields, */
    TYPE_NUMBER,
    TYPE_PORT,
    TYPE_SIZE, /* these two u64 fields, */
    TYPE_CPUS,
    TYPE_PATH, /* and these strings */
    TYPE_TEXT,
    TYPE_MODULE,
    TYPE_DEVICE /* these two may be repeated, if it is not `once` */
};

struct key {
    const char *name;
    enum key_scope scope;
    enum key_type type;
    bool required, once;
    u64 initial, min, max, step; /* numbers; a choice's values are its indices */
    const char *unit;            /* of a TYPE_NUMBER, in words; NULL: none */
    const char *const *choices;  /* NULL-terminated */
    u32 offset;                  /* in struct config or struct config_guest */
    u32 room;                    /* bytes of a string's field, terminator included */
};

extern const struct key config_keys[];

/* What a key takes, in words, from its row. */
struct allowed {
    char text[96];
};
struct allowed key_allowed(const struct key *key);

/* The value of a word for a key that holds a number or a choice; false: not allowed. */
bool key_number(const struct key *key, const char *word, u64 *value);

/* The key that the user may have meant, or NULL. */
const struct key *key_nearest(struct span word);
