/* The machine's keyboard: what is typed there goes to the console in front of the screen. */
#pragma once
#include "lib/types.h"

/* A machine without a keyboard at an 8042 says so, once. */
void keyboard_begin(void);
