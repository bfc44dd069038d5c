/* A bounded printf for the freestanding images: %s %c %d %i %u %x %X %p %% with
 * flags 0 - and width (also *), precision for %s, length l, ll, z.  No %n, no floats. */
#pragma once
#include "lib/types.h"
#include <stdarg.h>

/* Both return the length the whole text would have had, and always terminate
 * when size > 0 (like snprintf). */
size_t fmt_buf(char *buf, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
size_t fmt_vbuf(char *buf, size_t size, const char *format, va_list args);
