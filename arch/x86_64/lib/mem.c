/* The memory functions that the compiler calls by name.  String instructions: fast on every
 * CPU with VMX, and no vector registers.  A word at a time, then the rest: an emulator counts
 * each step. */
#include "lib/mem.h"
#include "lib/types.h"

#if UINTPTR_MAX > UINT32_MAX
#define WORD "q"
#else
#define WORD "l" /* for guests of 32 bits */
#endif

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
    void *d = dst;
    size_t words = len / sizeof(uintptr_t), rest = len % sizeof(uintptr_t);

    __asm__ volatile("rep movs" WORD : "+D"(d), "+S"(src), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(rest) : : "memory");
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
    size_t words = len / sizeof(uintptr_t), rest = len % sizeof(uintptr_t);
    const uintptr_t word = (u8)byte * (uintptr_t)0x0101010101010101ull;

    __asm__ volatile("rep stos" WORD : "+D"(d), "+c"(words) : "a"(word) : "memory");
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(word) : "memory");
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
