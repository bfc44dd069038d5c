/* The memory functions that the compiler calls by name.  String instructions: fast on every
 * CPU with VMX, and no vector registers. */
#include "lib/mem.h"
#include "lib/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
    void *d = dst;

    __asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(len) : : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
    if ((uintptr_t)dst - (uintptr_t)src >= len)
        return memcpy(dst, src, len);

    /* dst begins inside of src: from the end down. */
    char *d = (char *)dst + len - 1;
    const char *s = (const char *)src + len - 1;

    __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(d), "+S"(s), "+c"(len) : : "memory", "cc");
    return dst;
}

void *memset(void *dst, int byte, size_t len)
{
    void *d = dst;

    __asm__ volatile("rep stosb" : "+D"(d), "+c"(len) : "a"(byte) : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const unsigned char *x = a, *y = b;

    for (size_t i = 0; i < len; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}
