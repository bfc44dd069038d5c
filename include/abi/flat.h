/* The flat 64-bit guest image: the test guests' format (guest_tests/).
 * The file starts with this header; all of it is copied to FLAT_LOAD_GPA and
 * `bss_size` zero bytes follow.  Entry: long mode, paging on with the first 4 GiB
 * identity-mapped (RWX, 2 MiB pages), interrupts off, flat segments (CS 0x10,
 * SS/DS/ES 0x18), RDI = gpa of struct flat_start, RSP = 0: the image brings its
 * own stack. */
#pragma once
#include "lib/types.h"

#define FLAT_MAGIC       0x54414c464c544e4cull /* "LNTLFLAT" */
#define FLAT_VERSION     1u
#define FLAT_LOAD_GPA    0x200000ull
#define FLAT_START_MAGIC 0x54525453ull

struct flat_header {
    u64 magic;
    u32 version;
    u32 entry;      /* bytes from the start of the image */
    u64 image_size; /* bytes, header included; at most the file's size */
    u64 bss_size;   /* bytes */
};

struct flat_start {
    u64 magic;
    u64 memory;      /* bytes of RAM that the guest was given */
    u64 tsc_hz;      /* ticks per second of the guest's TSC */
    u64 cmdline_gpa; /* NUL-terminated */
    u64 rsdp_gpa;    /* 0: none */
};
