/* See plan_keep.h.  Pure. */
#include "boot/plan_keep.h"
#include "lib/mem.h"

/* Segments that are zeroes alone may come from anywhere. */
static hpa_t moved(const struct load_plan *work, const u8 *kept, const struct load_segment *s)
{
    const u64 from = (u64)s->from, scratch = (u64)work->scratch;
    const bool made = from >= scratch && from - scratch < work->scratch_used;

    return (hpa_t){made ? (u64)kept + (from - scratch) : from};
}

void plan_keep(const struct load_plan *work, u8 *kept, struct guest_plan *plan)
{
    memcpy(kept, work->scratch, work->scratch_used);
    *plan = (struct guest_plan){.segments = work->segments,
                                .mode = work->mode,
                                .rip = work->rip,
                                .rsp = work->rsp,
                                .rax = work->rax,
                                .rbx = work->rbx,
                                .rsi = work->rsi,
                                .rdi = work->rdi,
                                .cr3 = work->cr3,
                                .gdt = work->gdt,
                                .gdt_limit = work->gdt_limit};
    for (u32 i = 0; i < work->segments; i++) {
        const struct load_segment *s = &work->segment[i];

        plan->segment[i] = (struct guest_segment){
            .to = s->to, .from = moved(work, kept, s), .len = s->len, .room = s->room};
    }
}
