/* See cache_mode.h.  Pure. */
#include "control/disk/cache_mode.h"
#include "lib/mem.h"

static const char *const names[CACHE_MODES] = {
    [CACHE_WRITEBACK] = "writeback",
    [CACHE_NONE] = "none",
    [CACHE_WRITETHROUGH] = "writethrough",
    [CACHE_UNSAFE] = "unsafe",
};

const char *cache_mode_name(enum cache_mode mode)
{
    return names[mode];
}

bool cache_mode_parse(const char *word, enum cache_mode *mode)
{
    for (u32 i = 0; i < CACHE_MODES; i++)
        if (strcmp(names[i], word) == 0) {
            *mode = (enum cache_mode)i;
            return true;
        }
    return false;
}
