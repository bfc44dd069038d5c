/* The control partition as its shell sees it. */
#pragma once
#include "control/manage/world.h"

const struct manage_world *world_open(void);
