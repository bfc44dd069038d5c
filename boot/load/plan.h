/* What the format loaders share: a range allocator over the guest's memory map, the
 * plan's scratch, refusals, and the processor's first state.  Pure. */
#pragma once
#include "boot/load/load.h"
#include "lib/mem.h"

#define PLAN_FIRST_GDT_CODE 0x10u
#define PLAN_FIRST_GDT_DATA 0x18u

/* Image fields are little-endian and may be misaligned. */
static inline u16 get16(const u8 *at)
{
    u16 v;

    memcpy(&v, at, sizeof(v));
    return v;
}

static inline u32 get32(const u8 *at)
{
    u32 v;

    memcpy(&v, at, sizeof(v));
    return v;
}

static inline u64 get64(const u8 *at)
{
    u64 v;

    memcpy(&v, at, sizeof(v));
    return v;
}

static inline void put16(u8 *at, u16 v)
{
    memcpy(at, &v, sizeof(v));
}

static inline void put32(u8 *at, u32 v)
{
    memcpy(at, &v, sizeof(v));
}

static inline void put64(u8 *at, u64 v)
{
    memcpy(at, &v, sizeof(v));
}

/* What to place: `len` bytes of `from`, then zeros up to `room`; `room` is at least 1. */
struct plan_bytes {
    const char *what; /* for the reason of a refusal */
    const u8 *from;
    u64 len, room;
};

/* Where it may lie: in [low, high), on a multiple of `align` (a power of two). */
struct plan_window {
    u64 low, high, align;
    bool from_top; /* the highest place, else the lowest */
};

/* Empties the plan and checks the request's own bounds; every loader's first step. */
err_t plan_begin(const struct load_request *req, struct load_plan *plan);

/* Empties the plan, writes its reason after the file's name, and returns `err`. */
err_t plan_refuse(struct load_plan *plan, err_t err, const struct load_file *file,
                  const char *format, ...) PRINTF_LIKE(4, 5);

/* A segment has a byte of [base, base + room), which does not wrap. */
bool plan_is_taken(const struct load_plan *plan, u64 base, u64 room);

/* [base, base + room) is RAM, nothing else, and no segment lies there. */
bool plan_is_free(const struct load_request *req, const struct load_plan *plan, u64 base, u64 room);

/* The first place of the window with `room` free bytes. */
bool plan_find(const struct load_request *req, const struct load_plan *plan,
               const struct plan_window *window, u64 room, u64 *base);

/* Add a segment at `base`, or at the first place of the window: *base. E_RANGE, E_NOMEM. */
err_t plan_place_at(const struct load_request *req, struct load_plan *plan,
                    const struct load_file *file, u64 base, const struct plan_bytes *bytes);
err_t plan_place(const struct load_request *req, struct load_plan *plan,
                 const struct load_file *file, const struct plan_window *window,
                 const struct plan_bytes *bytes, u64 *base);

/* `size` zero bytes of scratch, placed page-aligned in low memory; *base is where the guest
 * sees them, the result where the loader fills them.  NULL: refused, the reason is set. */
u8 *plan_low(const struct load_request *req, struct load_plan *plan, const char *what, u64 size,
             u64 *base);

/* `size` zero bytes of scratch that a firmware leaves at `base`, whatever the memory map calls that
 * place; the result is where they are filled.  After the loader.  NULL: refused, the reason is set.
 */
u8 *plan_firmware(struct load_plan *plan, const char *what, u64 base, u64 size);

/* The request's command line as a terminated string in low memory. */
err_t plan_cmdline(const struct load_request *req, struct load_plan *plan, u64 *base);

/* A module's bytes on pages of their own, above the image and below 4 GiB. */
err_t plan_module(const struct load_request *req, struct load_plan *plan,
                  const struct load_file *file, u64 image_end, u64 *base);

/* A GDT for the mode and, for long mode, page tables that map the first 4 GiB to themselves. */
err_t plan_mode(const struct load_request *req, struct load_plan *plan, enum load_mode mode);
