/* The four functions that the compiler itself calls, and the opaque copy.
 * On the host these are libc's; in the freestanding images arch/x86_64/lib/mem.c. */
#pragma once
#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);

/* Copy memory that somebody else may write at the same time (a guest): the
 * compiler can neither repeat nor drop a load.  Nothing but this is a snapshot. */
static inline void copy_opaque(void *dst, const void *src, size_t len)
{
    __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(len) : : "memory");
}

/* The same for a page or a frame: eight bytes at a time, then the rest. */
static inline void copy_bulk(void *dst, const void *src, size_t len)
{
    size_t words = len / 8;

    __asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words) : : "memory");
    copy_opaque(dst, src, len % 8);
}
