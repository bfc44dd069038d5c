/* A plan's building blocks: where things may lie in guest memory, and the tables that the
 * processor needs for its first instruction.  Every placement is checked against the guest's
 * memory map and against everything placed before it.  Pure. */
#include "boot/load/plan.h"
#include "lib/fmt.h"

/* Low memory for tables: above what BIOS data and old boot code use, below the end of
 * conventional memory with an extended BIOS data area.  The lowest place is taken because
 * kernels put trampolines at the top. */
#define LOW_START  0x10000ull
#define LOW_END    0x9fc00ull

#define MAPPED_END (4 * GiB)
#define PTE_P      BIT(0)
#define PTE_RW     BIT(1)
#define PTE_PS     BIT(7)

/* SDM Vol. 3A, "Segment Descriptors": base 0, limit 4 GiB, present, ring 0, accessed. */
#define DESCRIPTOR_CODE_64 0x00af9b000000ffffull
#define DESCRIPTOR_CODE_32 0x00cf9b000000ffffull
#define DESCRIPTOR_DATA    0x00cf93000000ffffull

err_t plan_refuse(struct load_plan *plan, err_t err, const struct load_file *file,
                  const char *format, ...)
{
    size_t used = 0;
    va_list args;

    plan->segments = 0;
    if (file)
        used =
            fmt_buf(plan->reason, sizeof(plan->reason), "%.40s: ", file->name ? file->name : "?");
    va_start(args, format);
    fmt_vbuf(plan->reason + used, sizeof(plan->reason) - used, format, args);
    va_end(args);
    return err;
}

err_t plan_begin(const struct load_request *req, struct load_plan *plan)
{
    u64 last = 0;

    memset(plan, 0, sizeof(*plan));
    if (req->memories > ARRAY_LEN(req->memory) || req->modules > ARRAY_LEN(req->module))
        return plan_refuse(plan, E_INVAL, NULL, "load request: %u memory ranges, %u modules",
                           req->memories, req->modules);
    for (u32 i = 0; i < req->memories; i++) {
        const struct load_memory *m = &req->memory[i];

        if (m->base < last || __builtin_add_overflow(m->base, m->len, &last))
            return plan_refuse(plan, E_INVAL, NULL,
                               "load request: memory range %u at 0x%llx is not "
                               "sorted or wraps",
                               i, (unsigned long long)m->base);
    }
    return OK;
}

/* ---------------------------------------------------------------- ranges */

/* plan_begin() has checked that the sums do not wrap. */
static u64 memory_end(const struct load_memory *m)
{
    return m->base + m->len;
}

static u64 segment_end(const struct load_segment *s)
{
    return s->to.v + s->room;
}

bool plan_is_taken(const struct load_plan *plan, u64 base, u64 room)
{
    for (u32 i = 0; i < plan->segments; i++)
        if (plan->segment[i].to.v < base + room && segment_end(&plan->segment[i]) > base)
            return true;
    return false;
}

bool plan_is_free(const struct load_request *req, const struct load_plan *plan, u64 base, u64 room)
{
    u64 end, covered = base;

    if (room == 0 || __builtin_add_overflow(base, room, &end) || plan_is_taken(plan, base, room))
        return false;
    for (u32 i = 0; i < req->memories; i++) {
        const struct load_memory *m = &req->memory[i];

        /* Sorted: RAM that continues what is covered so far. */
        if (m->type == LOAD_RAM && m->base <= covered && memory_end(m) > covered)
            covered = memory_end(m);
    }
    return covered >= end;
}

static err_t add_segment(struct load_plan *plan, const struct load_file *file, u64 base,
                         const struct plan_bytes *bytes)
{
    if (plan->segments == LOAD_SEGMENTS_MAX)
        return plan_refuse(plan, E_NOMEM, file,
                           "%s: more than %u pieces; link the image with fewer "
                           "segments",
                           bytes->what, LOAD_SEGMENTS_MAX);
    plan->segment[plan->segments++] = (struct load_segment){
        .to = {base}, .from = bytes->from, .len = bytes->len, .room = bytes->room};
    return OK;
}

err_t plan_place_at(const struct load_request *req, struct load_plan *plan,
                    const struct load_file *file, u64 base, const struct plan_bytes *bytes)
{
    if (!plan_is_free(req, plan, base, bytes->room))
        return plan_refuse(plan, E_RANGE, file,
                           "%s needs 0x%llx bytes at 0x%llx, which is not free "
                           "RAM; give the guest more memory",
                           bytes->what, (unsigned long long)bytes->room, (unsigned long long)base);
    return add_segment(plan, file, base, bytes);
}

/* One possible place: the aligned one next to a boundary.  Kept if it is free and better. */
static void consider(const struct load_request *req, const struct load_plan *plan,
                     const struct plan_window *w, u64 room, u64 boundary, u64 *best, bool *found)
{
    u64 base, end;

    if (w->from_top) {
        if (__builtin_sub_overflow(MIN(boundary, w->high), room, &base))
            return;
        base = ALIGN_DOWN(base, w->align);
    } else {
        if (__builtin_add_overflow(MAX(boundary, w->low), w->align - 1, &base))
            return;
        base = ALIGN_DOWN(base, w->align);
    }
    if (__builtin_add_overflow(base, room, &end) || base < w->low || end > w->high)
        return;
    if (*found && (w->from_top ? base <= *best : base >= *best))
        return;
    if (!plan_is_free(req, plan, base, room))
        return;
    *best = base;
    *found = true;
}

/* The best place touches an end of the window, of a memory range or of a segment, but for
 * alignment: so only those need a look. */
bool plan_find(const struct load_request *req, const struct load_plan *plan,
               const struct plan_window *w, u64 room, u64 *base)
{
    bool found = false;

    consider(req, plan, w, room, w->from_top ? w->high : w->low, base, &found);
    for (u32 i = 0; i < req->memories; i++) {
        const struct load_memory *m = &req->memory[i];

        consider(req, plan, w, room, w->from_top ? memory_end(m) : m->base, base, &found);
    }
    for (u32 i = 0; i < plan->segments; i++) {
        const struct load_segment *s = &plan->segment[i];

        consider(req, plan, w, room, w->from_top ? s->to.v : segment_end(s), base, &found);
    }
    return found;
}

err_t plan_place(const struct load_request *req, struct load_plan *plan,
                 const struct load_file *file, const struct plan_window *window,
                 const struct plan_bytes *bytes, u64 *base)
{
    if (!plan_find(req, plan, window, bytes->room, base))
        return plan_refuse(plan, E_NOMEM, file,
                           "%s needs 0x%llx bytes of free RAM in 0x%llx-0x%llx; "
                           "give the guest more memory",
                           bytes->what, (unsigned long long)bytes->room,
                           (unsigned long long)window->low, (unsigned long long)window->high);
    return add_segment(plan, file, *base, bytes);
}

/* ---------------------------------------------------------------- made by the loader */

/* Where the next `size` bytes of scratch are; NULL: refused. */
static u8 *next_scratch(struct load_plan *plan, const struct load_file *file, const char *what,
                        u64 size)
{
    if (size <= LOAD_SCRATCH_SIZE - plan->scratch_used)
        return plan->scratch + plan->scratch_used;
    (void)!plan_refuse(plan, E_NOMEM, file, "%s: 0x%llx bytes are too many", what,
                       (unsigned long long)size);
    return NULL;
}

u8 *plan_low(const struct load_request *req, struct load_plan *plan, const char *what, u64 size,
             u64 *base)
{
    const struct plan_window low = {.low = LOW_START, .high = LOW_END, .align = PAGE_SIZE};
    u8 *from = next_scratch(plan, &req->kernel, what, size);
    const struct plan_bytes bytes = {what, from, size, size};

    if (!from || plan_place(req, plan, &req->kernel, &low, &bytes, base) != OK)
        return NULL;
    plan->scratch_used += (u32)size;
    return from;
}

u8 *plan_firmware(struct load_plan *plan, const char *what, u64 base, u64 size)
{
    u8 *from = next_scratch(plan, NULL, what, size);
    const struct plan_bytes bytes = {what, from, size, size};

    if (from && plan_is_taken(plan, base, size)) {
        (void)!plan_refuse(plan, E_RANGE, NULL, "%s: something lies at 0x%llx", what,
                           (unsigned long long)base);
        return NULL;
    }
    if (!from || add_segment(plan, NULL, base, &bytes) != OK)
        return NULL;
    plan->scratch_used += (u32)size;
    return from;
}

err_t plan_cmdline(const struct load_request *req, struct load_plan *plan, u64 *base)
{
    const char *text = req->cmdline ? req->cmdline : "";
    const size_t len = strnlen(text, CONFIG_CMDLINE_MAX);

    if (len == CONFIG_CMDLINE_MAX)
        return plan_refuse(plan, E_RANGE, &req->kernel, "cmdline is longer than %u bytes",
                           CONFIG_CMDLINE_MAX - 1);

    u8 *copy = plan_low(req, plan, "the command line", len + 1, base);

    if (!copy)
        return E_NOMEM;
    memcpy(copy, text, len);
    return OK;
}

err_t plan_module(const struct load_request *req, struct load_plan *plan,
                  const struct load_file *file, u64 image_end, u64 *base)
{
    const struct plan_window above = {MAX(image_end, MiB), 4 * GiB, PAGE_SIZE, false};
    struct plan_bytes bytes = {"the module", file->data, file->size, 0};

    if (file->size > 4 * GiB)
        return plan_refuse(plan, E_RANGE, file, "module of 0x%llx bytes; allowed: below 4 GiB",
                           (unsigned long long)file->size);
    bytes.room = ALIGN_UP(MAX(file->size, 1ull), PAGE_SIZE);
    return plan_place(req, plan, file, &above, &bytes, base);
}

/* SDM Vol. 3A, "4-Level Paging": 2-MiB pages; a PML4, a PDPT, four page directories. */
static err_t add_identity_map(const struct load_request *req, struct load_plan *plan)
{
    u8 *table = plan_low(req, plan, "the page tables", 6 * PAGE_SIZE, &plan->cr3);

    if (!table)
        return E_NOMEM;
    put64(table, (plan->cr3 + PAGE_SIZE) | PTE_P | PTE_RW);
    for (u64 i = 0; i < 4; i++)
        put64(table + PAGE_SIZE + 8 * i, (plan->cr3 + (2 + i) * PAGE_SIZE) | PTE_P | PTE_RW);
    for (u64 gpa = 0; gpa < MAPPED_END; gpa += LARGE_PAGE_SIZE)
        put64(table + 2 * PAGE_SIZE + 8 * (gpa / LARGE_PAGE_SIZE), gpa | PTE_P | PTE_RW | PTE_PS);
    return OK;
}

err_t plan_mode(const struct load_request *req, struct load_plan *plan, enum load_mode mode)
{
    const u64 size = PLAN_FIRST_GDT_DATA + 8;
    u8 *gdt = plan_low(req, plan, "the GDT", size, &plan->gdt.v);

    if (!gdt)
        return E_NOMEM;
    put64(gdt + PLAN_FIRST_GDT_CODE,
          mode == LOAD_LONG_64 ? DESCRIPTOR_CODE_64 : DESCRIPTOR_CODE_32);
    put64(gdt + PLAN_FIRST_GDT_DATA, DESCRIPTOR_DATA);
    plan->gdt_limit = (u16)(size - 1);
    plan->mode = mode;
    return mode == LOAD_LONG_64 ? add_identity_map(req, plan) : OK;
}
