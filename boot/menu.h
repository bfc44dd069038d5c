/* The one choice that the boot application offers: the laboratory instead of the guests. */
#pragma once
#include "config.h"
#include "lib/types.h"

/* Says how to get the laboratory, unless lintel.conf wants it anyway.  True: the laboratory was
 * chosen.  Waits only for CONFIG_LAB_ASK, and then no longer than until another key is pressed. */
bool menu_open(enum config_lab lab);
/* Looks again, without waiting. */
bool menu_lab_chosen(void);
