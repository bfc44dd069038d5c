/* What every accepted load plan must keep, for the loaders' tests and fuzzers; and a guest
 * memory map like the virtual PC's. */
#pragma once
#include "boot/load/load.h"
#include <string.h>

/* RAM with the PC's hole between 640 KiB and 1 MiB and a reserved range of tables. */
static inline void load_check_memory(struct load_request *req, u64 bytes)
{
    const u64 low = MIN(bytes, 3 * GiB);

    req->memories = 0;
    req->memory[req->memories++] = (struct load_memory){0, 0x9fc00, LOAD_RAM};
    req->memory[req->memories++] = (struct load_memory){0x9fc00, 0x60400, LOAD_RESERVED};
    req->memory[req->memories++] = (struct load_memory){MiB, low - MiB - 64 * KiB, LOAD_RAM};
    req->memory[req->memories++] = (struct load_memory){low - 64 * KiB, 64 * KiB, LOAD_ACPI};
    if (bytes > low)
        req->memory[req->memories++] = (struct load_memory){4 * GiB, bytes - low, LOAD_RAM};
    /* Behind the last one: who reads it, places things in the hole. */
    req->memory[req->memories] = (struct load_memory){0, 1024 * GiB, LOAD_RAM};
}

static inline bool load_check_inside(const u8 *from, u64 len, const u8 *data, u64 size)
{
    return data && from >= data && (u64)(from - data) <= size && len <= size - (u64)(from - data);
}

static inline bool load_check_source(const struct load_request *req, const struct load_plan *plan,
                                     const struct load_segment *s)
{
    bool inside = load_check_inside(s->from, s->len, req->kernel.data, req->kernel.size) ||
                  load_check_inside(s->from, s->len, req->initrd.data, req->initrd.size) ||
                  load_check_inside(s->from, s->len, plan->scratch, plan->scratch_used);

    for (u32 i = 0; i < req->modules; i++)
        inside |= load_check_inside(s->from, s->len, req->module[i].data, req->module[i].size);
    return inside || s->len == 0;
}

/* [gpa, gpa + len) lies in RAM, byte ranges of which never overlap others. */
static inline bool load_check_ram(const struct load_request *req, u64 gpa, u64 len)
{
    for (u32 i = 0; i < req->memories; i++) {
        const struct load_memory *m = &req->memory[i];

        if (m->type == LOAD_RAM && gpa >= m->base && gpa - m->base <= m->len &&
            len <= m->len - (gpa - m->base))
            return true;
    }
    return false;
}

static inline bool load_check_loaded(const struct load_plan *plan, u64 gpa, u64 len)
{
    for (u32 i = 0; i < plan->segments; i++) {
        const struct load_segment *s = &plan->segment[i];

        if (gpa >= s->to.v && gpa - s->to.v <= s->room && len <= s->room - (gpa - s->to.v))
            return true;
    }
    return false;
}

/* What is wrong with an accepted plan, or NULL. */
static inline const char *load_check(const struct load_request *req, const struct load_plan *plan)
{
    if (plan->segments == 0 || plan->segments > LOAD_SEGMENTS_MAX)
        return "segments";
    if (plan->scratch_used > LOAD_SCRATCH_SIZE)
        return "scratch_used";
    for (u32 i = 0; i < plan->segments; i++) {
        const struct load_segment *s = &plan->segment[i];

        if (s->len > s->room || s->room == 0)
            return "a segment's len is larger than its room";
        if (!load_check_ram(req, s->to.v, s->room))
            return "a segment is outside of RAM";
        if (!load_check_source(req, plan, s))
            return "a segment's bytes are outside of every buffer";
        for (u32 j = 0; j < i; j++)
            if (s->to.v < plan->segment[j].to.v + plan->segment[j].room &&
                plan->segment[j].to.v < s->to.v + s->room)
                return "two segments overlap";
    }
    if (!load_check_loaded(plan, plan->rip, 1) || plan->rip >= 4 * GiB)
        return "rip";
    if (!load_check_loaded(plan, plan->gdt.v, plan->gdt_limit + 1u) || plan->gdt_limit < 0x1f)
        return "gdt";
    if (plan->mode == LOAD_LONG_64 &&
        (!load_check_loaded(plan, plan->cr3, 6 * PAGE_SIZE) || !IS_ALIGNED(plan->cr3, PAGE_SIZE)))
        return "cr3";
    if (plan->mode == LOAD_PROTECTED_32 && plan->cr3 != 0)
        return "paging in protected mode";
    return NULL;
}

/* Ever more low memory: each table may be the one that does not fit, and then all is refused.
 * How many sizes were refused; UINT32_MAX: something was accepted that is wrong. */
static inline u32 load_check_low_memory(struct load_request *req, struct load_plan *plan)
{
    u32 refused = 0;

    for (u64 end = 0x10000; end <= 0x20000; end += PAGE_SIZE) {
        req->memory[0].len = end;

        const err_t err = load_plan(req, plan);

        if (err == OK ? load_check(req, plan) != NULL : plan->segments != 0 || err != E_NOMEM)
            return UINT32_MAX;
        refused += err != OK;
    }
    return refused;
}

/* The bytes that the plan puts at `gpa`: a pointer to `len` of them, or NULL. */
static inline const u8 *load_check_bytes(const struct load_plan *plan, u64 gpa, u64 len)
{
    for (u32 i = 0; i < plan->segments; i++) {
        const struct load_segment *s = &plan->segment[i];

        if (gpa >= s->to.v && gpa - s->to.v <= s->len && len <= s->len - (gpa - s->to.v))
            return s->from + (gpa - s->to.v);
    }
    return NULL;
}

static inline u32 load_check_u32(const struct load_plan *plan, u64 gpa)
{
    const u8 *at = load_check_bytes(plan, gpa, 4);
    u32 value = 0xdeadbeef;

    if (at)
        memcpy(&value, at, sizeof(value));
    return value;
}

static inline u64 load_check_u64(const struct load_plan *plan, u64 gpa)
{
    return load_check_u32(plan, gpa) | (u64)load_check_u32(plan, gpa + 4) << 32;
}

/* The guest's own walk of the plan's page tables: where does `gva` go?  UINT64_MAX: nowhere. */
static inline u64 load_check_walk(const struct load_plan *plan, u64 gva)
{
    const u64 address = 0x000ffffffffff000;
    u64 entry = load_check_u64(plan, plan->cr3 + 8 * (gva >> 39 & 511));

    if (!(entry & 1))
        return UINT64_MAX;
    entry = load_check_u64(plan, (entry & address) + 8 * (gva >> 30 & 511));
    if (!(entry & 1) || entry & 0x80)
        return UINT64_MAX;
    entry = load_check_u64(plan, (entry & address) + 8 * (gva >> 21 & 511));
    if ((entry & 0x83) != 0x83)
        return UINT64_MAX;
    return (entry & address & ~(LARGE_PAGE_SIZE - 1)) + (gva & (LARGE_PAGE_SIZE - 1));
}
