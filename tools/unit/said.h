/* A log that remembers what was said, for tests of reports. */
#pragma once
#include "arch/x86_64/log.h"
#include "lib/fmt.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LINE_MAX 400u /* of arch/x86_64/log.c */

static char said[1 << 16];
static size_t said_len;

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    (void)level;
    va_start(args, format);

    const size_t len = fmt_vbuf(said + said_len, sizeof(said) - said_len, format, args);

    va_end(args);
    assert_true(len < LINE_MAX - 32); /* a prefix comes before it */
    said_len += len;
    assert_true(said_len + 2 < sizeof(said));
    said[said_len++] = '\n';
    said[said_len] = '\0';
}

static inline void said_nothing(void)
{
    said_len = 0;
    said[0] = '\0';
}

static inline void expect_said(const char *text)
{
    if (!strstr(said, text))
        fail_msg("not said: %s\nbut\n%s", text, said);
}
