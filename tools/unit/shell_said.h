/* A shell whose answers a test looks at: what the last line has said is `said`. */
#pragma once
#include "control/shell/shell.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct shell shell;
static char said[65536], json_buffer[16384];
static size_t said_len;

static inline void said_nothing(void)
{
    said_len = 0;
    said[0] = '\0';
}

static void take(void *context, const char *text, size_t len)
{
    (void)context;
    assert_true(said_len + len < sizeof(said));
    memcpy(said + said_len, text, len);
    said_len += len;
    said[said_len] = '\0';
}

static inline void shell_fresh(const struct shell_actions *actions)
{
    shell_init(&shell, actions, take, NULL, json_buffer, sizeof(json_buffer));
    said_nothing();
}

static inline const char *run(const char *line)
{
    said_nothing();
    shell_run(&shell, line);
    return said;
}
