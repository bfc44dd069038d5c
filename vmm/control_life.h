/* The control partition's life: made before the guests, started again when it has died.  The boot
 * CPU's, between turns. */
#pragma once
#include "lib/types.h"

struct vm;

/* The configuration names a program for it, which was loaded. */
bool control_exists(void);
/* NULL: it does not live. */
struct vm *control_vm(void);
/* Makes it, once, before the first guest. */
void control_begin(void);
/* If it has ended: says so, gives its memory back, and starts it again unless control_stop() asked
 * for its end. */
void control_look_after(void);
/* True: there is none (any more).  False: it has been asked to end; look again when it has. */
bool control_stop(void);
