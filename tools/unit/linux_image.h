/* The header of a bzImage like Debian's, for tests of whoever loads one.  Linux,
 * Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header". */
#pragma once
#include "lib/types.h"
#include <string.h>

static inline void linux_image_set(u8 *image, u32 offset, u32 size, u64 value)
{
    memcpy(image + offset, &value, size);
}

/* Relocatable, 64-bit; `code` bytes behind the setup's sectors; wants `room` bytes from 16 MiB on.
 */
static inline void linux_image_make(u8 *image, u32 setup_sectors, u64 code, u32 room)
{
    linux_image_set(image, 0x1f1, 1, setup_sectors);
    linux_image_set(image, 0x1f4, 4, code / 16);
    linux_image_set(image, 0x1fe, 2, 0xaa55);
    linux_image_set(image, 0x200, 2, 0x6aeb);
    linux_image_set(image, 0x202, 4, 0x53726448);
    linux_image_set(image, 0x206, 2, 0x020f);
    linux_image_set(image, 0x211, 1, 0x81);
    linux_image_set(image, 0x22c, 4, 0x7fffffff);
    linux_image_set(image, 0x230, 4, 0x200000);
    linux_image_set(image, 0x234, 1, 1);
    linux_image_set(image, 0x235, 1, 21);
    linux_image_set(image, 0x236, 2, 0x7f);
    linux_image_set(image, 0x238, 4, 2047);
    linux_image_set(image, 0x258, 8, 0x1000000);
    linux_image_set(image, 0x260, 4, room);
}
