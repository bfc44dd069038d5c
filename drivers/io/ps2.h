/* The keyboard behind a PC's 8042: bytes by interrupt or by polling, keys out of a queue.  IBM
 * PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller" and
 * "Keyboards (101- and 102-Key)".  The rules of env.h hold. */
#pragma once
#include "drivers/io/env.h"
#include "drivers/io/scancode.h"

#define PS2_DATA_PORT    0x60u
#define PS2_CONTROL_PORT 0x64u
#define PS2_LINE         1u
#define PS2_EVENTS       64u /* keys that nobody has taken yet; a power of two */

struct ps2 {
    struct io_env *env;
    struct io_window data, control;
    struct io_irq irq;
    u8 config; /* the controller's, as it was written last */
    struct scancode scancode;
    struct key_event event[PS2_EVENTS];
    u32 head, tail; /* count up */
    u64 interrupts; /* that were the keyboard's */
    u64 lost;       /* keys without room */
    u64 bad;        /* bytes that the controller marked, and overruns of the keyboard */
    void (*told)(struct ps2 *p); /* after an interrupt: there are keys; NULL: nobody is told */
};

/* Tests controller and keyboard, and starts scanning: at most 2 s.  E_NOENT: no controller, or no
 * keyboard at it; E_IO: one of them fails its test; others: the environment's. */
err_t ps2_start(struct ps2 *p, struct io_env *env);
/* The same for a keyboard that ps2_start() has started and whose owner has died: nothing is tested,
 * and what was typed meanwhile is lost. */
err_t ps2_go_on(struct ps2 *p, struct io_env *env);
/* The next key, pressed or released; false: none. */
bool ps2_take(struct ps2 *p, struct key_event *event);
void ps2_poll(struct ps2 *p);
void ps2_interrupts(struct ps2 *p, bool on);
void ps2_stop(struct ps2 *p);
