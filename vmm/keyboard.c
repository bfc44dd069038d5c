/* See keyboard.h.  Pure. */
#include "vmm/keyboard.h"
#include "lib/atomic.h"

_Static_assert((KEYBOARD_SIZE & (KEYBOARD_SIZE - 1)) == 0, "a power of two");

bool keyboard_put(struct keyboard *k, u8 byte)
{
    if (k->head - load_acquire(&k->tail) == KEYBOARD_SIZE)
        return false;
    k->byte[k->head % KEYBOARD_SIZE] = byte;
    store_release(&k->head, k->head + 1);
    return true;
}

bool keyboard_get(struct keyboard *k, u8 *byte)
{
    if (load_acquire(&k->head) == k->tail)
        return false;
    *byte = k->byte[k->tail % KEYBOARD_SIZE];
    store_release(&k->tail, k->tail + 1);
    return true;
}
