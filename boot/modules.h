/* The files that the guests of the configuration name, each loaded once. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

/* Fills info->module[] with the distinct paths of info->config and their sizes; says of every file
 * that cannot be opened why.  *total: bytes of all, each rounded up to pages. */
err_t modules_find(struct boot_info *info, u64 *total);
/* Loads what modules_find found. */
err_t modules_load(struct boot_info *info);
