/* The guests that are served: found when they begin, given what the tables say, let go. */
#pragma once
#include "lib/types.h"

/* Looks after partitions and requests from now on. */
void guests_init(void);
