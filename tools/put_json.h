/* JSON to standard output, piece by piece, for programs that print compiled tables. */
#pragma once
#include "lib/types.h"

/* An element of a list. */
void put_item(const char *s);
/* Members of an object. */
void put_number(const char *key, u64 value);
void put_text(const char *key, const char *value);
/* A list or an object, '[' or '{': a member, or, with key NULL, an element. */
void begin(const char *key, char bracket);
void end(char bracket);

/* Elements that are objects: texts by key, NULL at the end; a field of a struct. */
void put_texts(const char *const *pairs);
void put_field(const char *of, const char *name, u64 offset, u64 size);

#define TEXTS(...) put_texts((const char *const[]){__VA_ARGS__, NULL})
#define FIELD(of, name)                                                                            \
    put_field(#of, #name, offsetof(struct of, name), sizeof(((struct of *)0)->name))
