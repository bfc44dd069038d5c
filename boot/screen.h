/* The firmware's framebuffer (UEFI Graphics Output Protocol). */
#pragma once
#include "boot_info.h"

/* Fills *fb; sets a mode only if the current one has no linear 32-bit framebuffer.
 * E_NOTSUP: no screen that we can write to; *fb is then BOOT_FB_NONE. */
err_t screen_open(struct boot_fb *fb);
/* Back to the mode that was found. */
void screen_restore(void);
