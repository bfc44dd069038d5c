/* For tests that have other programs judge: runs a command of the shell, and reads and
 * writes its files; all of it has to succeed. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static inline __attribute__((format(printf, 1, 2))) void run_tool(const char *format, ...)
{
    char command[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* All `len` bytes of a file, or to one; mode: fopen()'s, "rb" or "wb". */
static inline void transfer(const char *folder, const char *name, const char *mode, void *at,
                            size_t len)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, mode);
    assert_non_null(file);
    assert_int_equal(mode[0] == 'r' ? fread(at, 1, len, file) : fwrite(at, 1, len, file), len);
    fclose(file);
}
