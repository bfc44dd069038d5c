/* Guest loaders: image bytes -> plan.  A plan is a list of copies into guest-physical
 * memory plus the first vCPU's registers; whoever owns the memory applies it.  Pure;
 * every byte of an image is hostile.  load_plan() looks at the bytes when the format
 * is AUTO. */
#pragma once
#include "config.h"
#include "guest_plan.h"
#include "lib/types.h"

#define LOAD_SCRATCH_SIZE (96 * KiB)

/* Copy `len` bytes of `from`, then zeros up to `room`. Ranges lie in RAM and do not overlap. */
struct load_segment {
    gpa_t to;
    const u8 *from; /* into an image, or into the plan's scratch */
    u64 len, room;  /* bytes */
};

struct load_plan {
    u32 segments;
    struct load_segment segment[LOAD_SEGMENTS_MAX];
    enum load_mode mode;
    u64 rip, rsp, rax, rbx, rsi, rdi, cr3;
    gpa_t gdt; /* a GDT with flat segments lies there: 0x10 code, 0x18 data */
    u16 gdt_limit;
    char reason[LOAD_REASON_MAX]; /* why the plan was refused: what, where, remedy */
    u32 scratch_used;
    u8 scratch[LOAD_SCRATCH_SIZE]; /* boot_params, tables, strings made by the loader */
};

struct load_file {
    const u8 *data;
    u64 size;
    const char *name;
    const char *string; /* of a module for Multiboot or PVH */
};

enum load_memory_type { LOAD_RAM = 1, LOAD_RESERVED = 2, LOAD_ACPI = 3 }; /* as in e820 */
struct load_memory {
    u64 base, len;
    u32 type;
};

struct load_request {
    u32 format; /* enum config_format */
    struct load_file kernel, initrd;
    struct load_file module[CONFIG_GUEST_MODULES];
    u32 modules;
    const char *cmdline;
    struct load_memory memory[16]; /* the guest's e820, sorted */
    u32 memories;
    u64 tsc_hz;
    gpa_t rsdp; /* 0: none */
};

/* E_INVAL, E_NOTSUP, E_RANGE, E_NOMEM with `reason` filled. */
err_t load_plan(const struct load_request *req, struct load_plan *plan);

/* One per format, in a file each. */
err_t load_linux(const struct load_request *req, struct load_plan *plan);
err_t load_multiboot(const struct load_request *req, struct load_plan *plan);
err_t load_pvh(const struct load_request *req, struct load_plan *plan);
err_t load_flat(const struct load_request *req, struct load_plan *plan);

/* Do the image's magic numbers say that it is one of these? */
bool load_linux_matches(const struct load_file *kernel);
bool load_multiboot_matches(const struct load_file *kernel);
bool load_pvh_matches(const struct load_file *kernel);
bool load_flat_matches(const struct load_file *kernel);
