/* The steps of control/create/layout.h, done on a guest's memory of the test's. */
#pragma once
#include "control/create/layout.h"
#include <stdlib.h>
#include <string.h>

#define LAYOUT_REQUIRE(cond)                                                                       \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

struct layout_files {
    const u8 *kernel, *initrd;
    u64 kernel_bytes, initrd_bytes;
};

static inline void layout_run(const struct layout *l, u8 *memory, const struct layout_files *f)
{
    LAYOUT_REQUIRE(l->steps <= LAYOUT_STEPS);
    for (u32 i = 0; i < l->steps; i++) {
        const struct layout_step *const s = &l->step[i];

        LAYOUT_REQUIRE(s->len != 0 && s->to < l->spec->memory && s->len <= l->spec->memory - s->to);
        switch (s->kind) {
        case LAYOUT_CLEAR: memset(memory + s->to, 0, s->len); break;
        case LAYOUT_READ_KERNEL:
            LAYOUT_REQUIRE(s->from == 0 && s->len == f->kernel_bytes);
            memcpy(memory + s->to, f->kernel, s->len);
            break;
        case LAYOUT_READ_INITRD:
            LAYOUT_REQUIRE(s->from == 0 && s->len == f->initrd_bytes);
            memcpy(memory + s->to, f->initrd, s->len);
            break;
        case LAYOUT_MOVE:
            LAYOUT_REQUIRE(s->from >= l->file_at &&
                           s->from + s->len <= l->file_at + f->kernel_bytes);
            memmove(memory + s->to, memory + s->from, s->len);
            break;
        case LAYOUT_COPY:
            LAYOUT_REQUIRE(s->from + s->len <= sizeof(l->plan.scratch));
            memcpy(memory + s->to, l->plan.scratch + s->from, s->len);
            break;
        }
    }
}

static const struct layout_machine layout_pc = {1000000000, 0x663, 0x1fff};

/* Whether the memory is what the plan says: each segment's bytes, zeros elsewhere.  The kernel's
 * bytes are looked up in its file. */
static inline bool layout_is_there(const struct layout *l, const u8 *memory,
                                   const struct layout_files *f)
{
    u8 *const want = calloc(1, l->spec->memory);
    bool good;

    LAYOUT_REQUIRE(want);
    for (u32 i = 0; i < l->plan.segments; i++) {
        const struct load_segment *const s = &l->plan.segment[i];
        const u64 in_file = (u64)s->from - (u64)l->kernel;
        const u64 in_scratch = (u64)s->from - (u64)l->plan.scratch;

        if (s->len == 0)
            continue;
        if (in_file < f->kernel_bytes)
            memcpy(want + s->to.v, f->kernel + in_file, s->len);
        else if (in_scratch < sizeof(l->plan.scratch))
            memcpy(want + s->to.v, l->plan.scratch + in_scratch, s->len);
        else
            memcpy(want + s->to.v, f->initrd, s->len);
    }
    good = memcmp(memory, want, l->spec->memory) == 0;
    free(want);
    return good;
}
