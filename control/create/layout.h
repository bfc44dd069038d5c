/* A guest's image in its memory, as steps that take one after the other: what is to be read where,
 * moved, cleared.  The kernel's file is read to the top of the guest's low memory first, where the
 * loaders (boot/load/) look at it; what they plan is moved from there to its place, and the initial
 * RAM disk, of which they only want to know the size, is read to its place at once.  So no memory
 * but the guest's own is needed, however long the files are.  Pure. */
#pragma once
#include "abi/control.h"
#include "boot/pc/pc_plan.h"

#define LAYOUT_STEPS (3 * LOAD_SEGMENTS_MAX)

enum layout_kind {
    LAYOUT_CLEAR,       /* `len` bytes become 0 */
    LAYOUT_READ_KERNEL, /* from offset `from` of the file */
    LAYOUT_READ_INITRD,
    LAYOUT_MOVE, /* from the gpa `from`; they may overlap */
    LAYOUT_COPY, /* from the plan's scratch, at `from` */
};

struct layout_step {
    enum layout_kind kind;
    u64 to; /* gpa */
    u64 from, len;
};

struct layout {
    const struct abi_guest_spec *spec;
    u64 file_at; /* gpa of the kernel's file */
    u64 kernel_bytes, initrd_bytes;
    const u8 *kernel; /* its first byte, where the loaders look at it */
    struct config_guest config;
    struct boot_module file[2]; /* kernel, initial RAM disk */
    struct load_plan plan;      /* its reason says what was wrong */
    u32 steps;
    struct layout_step step[LAYOUT_STEPS];
};

/* `spec` stays as it is meanwhile.  The sizes are the files', initrd's 0: there is none.
 * is_dirty: an earlier attempt may have left something in the guest's memory.  The steps lead as
 * far as layout_plan().  E_RANGE: the kernel's file is larger than the memory below 3 GiB. */
err_t layout_begin(struct layout *l, const struct abi_guest_spec *spec, u64 kernel_bytes,
                   u64 initrd_bytes, bool is_dirty);
struct layout_machine {
    u64 tsc_hz;
    u32 signature, features; /* EAX and EDX of CPUID leaf 1 */
};

/* `memory`: the guest's memory as we see it, of which the kernel's file is looked at, where the
 * steps have put it.  Other steps lead to the end: image, and what a PC's firmware leaves.  Errors:
 * pc_plan()'s; E_NOMEM: the kernel's file lies in the way of its parts. */
err_t layout_plan(struct layout *l, u8 *memory, const struct layout_machine *machine);
/* Where the guest's first processor begins. */
struct abi_registers layout_registers(const struct layout *l);
