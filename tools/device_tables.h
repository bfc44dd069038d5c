/* A part of tools/policy_tables.c's output. */
#pragma once

/* Members of an object: the PCI functions that a guest may find, as they are made. */
void put_guest_devices(void);
