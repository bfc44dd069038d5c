/* JSON text into a buffer: one member or element a line, indented by its depth.  RFC 8259.  Pure.
 */
#pragma once
#include "lib/types.h"

#define JSON_DEPTH_MAX 16u

struct json {
    char *text;
    size_t capacity;
    size_t len; /* bytes that the whole text needs; more than capacity: it is cut off */
    u32 depth;
    bool filled[JSON_DEPTH_MAX]; /* by depth: has a member already */
    char closer[JSON_DEPTH_MAX];
};

/* Begins a text that is one object. */
void json_begin(struct json *j, char *text, size_t capacity);
/* Closes it.  False: the text did not fit. */
bool json_finish(struct json *j);

/* `name` is the member's name in an object and NULL in an array. */
void json_object(struct json *j, const char *name);
void json_array(struct json *j, const char *name);
void json_close(struct json *j); /* the innermost object or array */
void json_number(struct json *j, const char *name, u64 value);
void json_string(struct json *j, const char *name, const char *text);
void json_bool(struct json *j, const char *name, bool value);
void json_null(struct json *j, const char *name);
