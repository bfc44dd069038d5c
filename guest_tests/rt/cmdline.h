/* Numbers in the guest's command line. */
#pragma once
#include "guest_tests/rt/guest.h"

/* The decimal number behind `key`, which ends with "="; `otherwise` if the key is not there. */
static inline u64 cmdline_number(const char *key, u64 otherwise)
{
    const size_t len = strlen(key);
    u64 number = 0;

    for (const char *c = cmdline; *c != 0; c++) {
        if (strncmp(c, key, len) != 0)
            continue;
        for (c += len; *c >= '0' && *c <= '9'; c++)
            number = number * 10 + (u64)(*c - '0');
        return number;
    }
    return otherwise;
}
