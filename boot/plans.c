/* The guests' plans; see plans.h.  They lie in memory for guests (BOOT_MEM_MODULE), as the files
 * that they copy from do: hv.elf applies them again in each of a guest's lives. */
#include "boot/plans.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/insn.h"
#include "boot/console.h"
#include "boot/memory.h"
#include "boot/pc/pc_plan.h"
#include "boot/plan_keep.h"
#include "lib/mem.h"
#include "pc.h"

u64 plans_bytes(const struct config *config)
{
    return config->guest_count * ALIGN_UP(sizeof(struct guest_plan) + LOAD_SCRATCH_SIZE, PAGE_SIZE);
}

/* What the work was made in is given back. */
static err_t keep(const struct load_plan *work, struct guest_plan *plan)
{
    u8 *kept;

    if (memory_alloc(work->scratch_used, PAGE_SIZE, BOOT_MEM_MODULE, (void **)&kept) != OK)
        return refuse(E_NOMEM, "no memory for a guest's tables: %u KiB",
                      (u32)(work->scratch_used / KiB));
    plan_keep(work, kept, plan);
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
        .features = cpu.edx & PC_1_EDX,
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
