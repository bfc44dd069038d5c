/* A text through config_parse(), for its tests. */
#pragma once
#include "boot/config_parse.h"
#include "lib/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config config;
static struct config_error error;

/* From a block of its exact size, so that ASan sees one byte too far. */
static err_t parse_bytes(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(&config, 0xa5, sizeof(config));
    memset(&error, 0xa5, sizeof(error));

    const err_t err = config_parse(copy, len, &config, &error);

    free(copy);
    return err;
}

static void parse(const char *text)
{
    if (parse_bytes(text, strlen(text)) != OK)
        fail_msg("refused at %u:%u: %s\n%s", error.line, error.column, error.text, text);
}

#define GUEST    "[guest g]\nkernel = k\nmemory = 4M\n"
#define LONG_32  "abcdefghijklmnopqrstuvwxyz012345"
#define LONG_128 LONG_32 LONG_32 LONG_32 LONG_32
#define LONG_1K  LONG_128 LONG_128 LONG_128 LONG_128 LONG_128 LONG_128 LONG_128 LONG_128
