/* What of the machine's devices the control partition gets (devices.def).  Pure. */
#pragma once
#include "boot_info.h"
#include "lib/types.h"

/* All of the ports first..first+count-1 are its own. */
bool devices_have_port(u32 first, u32 count);
/* The same of memory (hpa, bytes): no byte of it is RAM or whatever else the firmware's memory map
 * names -- PCI's devices are where it names nothing -- or the framebuffer, which is Lintel's. */
bool devices_have_memory(const struct boot_info *boot, u64 first, u64 len);
/* Interrupt lines of the machine that it may bind, bit n: line n of the I/O APIC. */
#define DEVICES_LINES 0xfffffau /* not the PIT's 0 and 2 */

/* SDM Vol. 3C, "I/O-Bitmap Addresses": its ports do not exit. */
void devices_pass(u8 a[4096], u8 b[4096]);
