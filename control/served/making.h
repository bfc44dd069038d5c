/* Guests that the shell asks for: their files looked at, then made. */
#pragma once
#include "control/manage/world.h"

/* As struct manage_world has them. */
const char *making_volume(void);
err_t making_create(const struct abi_guest_spec *spec, u32 *number, char *why, size_t why_size);
enum manage_made making_made(const char **why);
