/* What the control partition says was typed at the machine's keyboard, on its way to the boot CPU.
 * One writer, the control partition's vCPU; one reader.  Pure. */
#pragma once
#include "lib/types.h"

#define KEYBOARD_SIZE 64u /* a power of two */

struct keyboard {
    u32 head, tail; /* counters; modulo KEYBOARD_SIZE in byte[] */
    u8 byte[KEYBOARD_SIZE];
};

/* False: no room. */
bool keyboard_put(struct keyboard *k, u8 byte);
bool keyboard_get(struct keyboard *k, u8 *byte);
