/* See guest_plan.h.  SDM Vol. 3C, "Checks on Guest Control Registers, Debug Registers, and MSRs",
 * "Checks on Guest RIP, RFLAGS, and SSP". */
#include "vmm/guest_plan.h"
#include "lib/mem.h"
#include "vmm/gmem.h"

#define GDT_LIMIT_LEAST 0x1fu /* it has the code and the data segment */

bool guest_plan_is_loaders(const struct boot_info *info, u64 base, u64 len)
{
    for (u32 i = 0; i < info->mem_count; i++) {
        const struct boot_mem *m = &info->mem[i];

        if (m->type == BOOT_MEM_MODULE && base >= m->base && base - m->base <= m->len &&
            len <= m->len - (base - m->base))
            return true;
    }
    return false;
}

/* Their ends do not wrap: both lie in RAM. */
static bool overlap(const struct guest_segment *a, const struct guest_segment *b)
{
    return a->to.v < b->to.v + b->room && b->to.v < a->to.v + a->room;
}

static const char *segment_fault(const struct guest_plan *plan, u32 n, const struct vm *vm,
                                 const struct boot_info *info)
{
    const struct guest_segment *s = &plan->segment[n];

    if (s->room == 0 || s->len > s->room)
        return "its plan: a segment is longer than its room";
    if (!gmem_is_ram(vm, s->to, s->room))
        return "its plan: a segment is outside of the guest's RAM";
    if (s->len != 0 && !guest_plan_is_loaders(info, s->from.v, s->len))
        return "its plan: a segment's bytes are not the loader's";
    for (u32 i = 0; i < n; i++)
        if (overlap(s, &plan->segment[i]))
            return "its plan: two segments overlap";
    return NULL;
}

static const char *register_fault(const struct guest_plan *plan, const struct vm *vm)
{
    const bool long_mode = plan->mode == LOAD_LONG_64;
    const u64 general = plan->rsp | plan->rax | plan->rbx | plan->rsi | plan->rdi;

    if (!long_mode && plan->mode != LOAD_PROTECTED_32)
        return "its plan: an unknown mode";
    if (plan->rip >= 4 * GiB || !gmem_is_ram(vm, (gpa_t){plan->rip}, 1))
        return "its plan: RIP is not in the first 4 GiB of the guest's RAM";
    if (!long_mode && (general >= 4 * GiB || plan->cr3 != 0))
        return "its plan: protected mode with 64-bit registers or paging";
    if (long_mode &&
        (!IS_ALIGNED(plan->cr3, PAGE_SIZE) || !gmem_is_ram(vm, (gpa_t){plan->cr3}, PAGE_SIZE)))
        return "its plan: CR3 is not a page of the guest's RAM";
    if (plan->gdt_limit < GDT_LIMIT_LEAST || !gmem_is_ram(vm, plan->gdt, plan->gdt_limit + 1u))
        return "its plan: the GDT is too short, or not in the guest's RAM";
    return NULL;
}

const char *guest_plan_fault(const struct guest_plan *plan, const struct vm *vm,
                             const struct boot_info *info)
{
    if (plan->reason[0])
        return strnlen(plan->reason, sizeof(plan->reason)) < sizeof(plan->reason)
                   ? plan->reason
                   : "a refusal without an end";
    if (plan->segments > LOAD_SEGMENTS_MAX)
        return "its plan: too many segments";
    for (u32 i = 0; i < plan->segments; i++) {
        const char *fault = segment_fault(plan, i, vm, info);

        if (fault)
            return fault;
    }
    return register_fault(plan, vm);
}
