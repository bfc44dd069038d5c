/* The guests' plans; see plans.h.  They lie in memory for guests (BOOT_MEM_MODULE), as the files
 * that they copy from do: hv.elf applies them again in each of a guest's lives. */
#include "boot/plans.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/insn.h"
#include "boot/console.h"
#include "boot/memory.h"
#include "boot/pc/pc_plan.h"
#include "lib/mem.h"
#include "pc.h"

u64 plans_bytes(const struct config *config)
{
    return config->guest_count * ALIGN_UP(sizeof(struct guest_plan) + LOAD_SCRATCH_SIZE, PAGE_SIZE);
}

static err_t keep_scratch(const struct load_plan *work, u8 **kept)
{
    if (memory_alloc(work->scratch_used, PAGE_SIZE, BOOT_MEM_MODULE, (void **)kept) != OK)
        return refuse(E_NOMEM, "no memory for a guest's tables: %u KiB",
                      (u32)(work->scratch_used / KiB));
    memcpy(*kept, work->scratch, work->scratch_used);
    return OK;
}

/* What the work was made in is given back: segments in its scratch move to the kept one. */
static err_t keep(const struct load_plan *work, struct guest_plan *plan)
{
    const u64 scratch = (u64)work->scratch;
    u8 *kept;

    TRY(keep_scratch(work, &kept));
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
        const u64 from = (u64)s->from;
        const bool made = from >= scratch && from - scratch < work->scratch_used;

        plan->segment[i] =
            (struct guest_segment){.to = s->to,
                                   .from = {made ? (u64)kept + (from - scratch) : from},
                                   .len = s->len,
                                   .room = s->room};
    }
    return OK;
}

static err_t make(const struct boot_info *info, u32 n, struct load_plan *work,
                  struct guest_plan *plan)
{
    const struct config_guest *config = &info->config.guest[n];
    const struct cpuid_regs cpu = cpuid(1, 0);
    const struct pc_guest guest = {
        .config = config,
        .tsc_hz = info->tsc_hz,
        .signature = cpu.eax,
        .features = (cpu.edx & PC_1_EDX) | (config->vcpus > 1 ? CPUID_1_EDX_HTT : 0),
        .module = info->module,
        .modules = info->module_count,
    };

    if (pc_plan(&guest, work) == OK)
        return keep(work, plan);
    *plan = (struct guest_plan){0};
    memcpy(plan->reason, work->reason, sizeof(plan->reason));
    return OK;
}

err_t plans_make(struct boot_info *info)
{
    const u32 count = info->config.guest_count;
    struct guest_plan *plans;
    struct load_plan *work;
    err_t err = OK;

    if (count == 0)
        return OK;
    if (memory_alloc(count * sizeof(*plans), PAGE_SIZE, BOOT_MEM_MODULE, (void **)&plans) != OK ||
        memory_alloc(sizeof(*work), PAGE_SIZE, BOOT_MEM_USABLE, (void **)&work) != OK)
        return refuse(E_NOMEM, "no memory for the guests' plans");
    for (u32 n = 0; err == OK && n < count; n++)
        err = make(info, n, work, &plans[n]);
    memory_free(work);
    info->plans = (u64)plans;
    return err;
}
