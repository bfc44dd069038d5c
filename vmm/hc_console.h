/* The control partition's hold on its guests' consoles (vmm/hc_console.c). */
#pragma once

/* It is gone: what is typed is COM1's again. */
void hc_console_drop_all(void);
