/* lintel.conf: text -> struct config.  Pure.  docs/config.md is the manual. */
#pragma once
#include "config.h"

struct config_error {
    u32 line, column; /* from 1 */
    char text[384];   /* names the key and what is allowed */
};

/* E_INVAL with *error filled; never a half-filled result. The text need not be terminated. */
err_t config_parse(const char *text, size_t len, struct config *out, struct config_error *error);
