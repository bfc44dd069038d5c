/* A guest's RAM.  Populated in full at creation with the largest pages that fit and
 * are safe, so that a running guest has no EPT violations on RAM. */
#include "vmm/vm_memory.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "lib/mem.h"
#include "vmm/grant.h"
#include "vmm/hostmem.h"
#include "vmx/speculation.h"
#include "vmx/vmx.h"

#define TABLES_AT_ENDS 6u /* of a mapping: one of each level at either end */

static u16 owner(const struct vm *vm)
{
    return (u16)(FRAME_VM + vm->id);
}

static u64 *table_alloc(void *ctx)
{
    (void)ctx;
    return hostmem_page();
}

static void table_free(void *ctx, u64 *page)
{
    (void)ctx;
    hostmem_page_free(page);
}

static u64 table_phys(void *ctx, const u64 *page)
{
    (void)ctx;
    return virt_to_phys(page).v;
}

static u64 *table_virt(void *ctx, u64 phys)
{
    (void)ctx;
    return phys_to_virt((hpa_t){phys});
}

/* One run of RAM as large as the machine's free memory allows, halving until it fits. */
static err_t add_extent(struct vm *vm, gpa_t gpa, u64 len, u64 *got)
{
    u64 size = len;
    hpa_t hpa;

    if (vm->extents == VM_EXTENTS_MAX)
        return E_NOMEM;
    while (hostmem_alloc(size, size >= GiB ? GiB : LARGE_PAGE_SIZE, owner(vm), &hpa) != OK &&
           hostmem_alloc(size, LARGE_PAGE_SIZE, owner(vm), &hpa) != OK) {
        if (size <= LARGE_PAGE_SIZE)
            return E_NOMEM;
        size = ALIGN_UP(size / 2, LARGE_PAGE_SIZE);
    }
    hostmem_zero(phys_to_virt(hpa), size);
    vm->extent[vm->extents++] = (struct vm_extent){gpa, hpa, size};
    *got = size;
    return OK;
}

static err_t allocate(struct vm *vm, u64 gpa, u64 len)
{
    while (len) {
        u64 got;

        TRY(add_extent(vm, (gpa_t){gpa}, len, &got));
        gpa += got;
        len -= got;
    }
    return OK;
}

/* The extent at 0 is split around the legacy hole, whose frames stay unused. */
static err_t map_all(struct vm *vm)
{
    const u32 attr = EPT_RWX | EPT_WB;

    for (u32 i = 0; i < vm->extents; i++) {
        const struct vm_extent *e = &vm->extent[i];

        if (e->gpa.v == 0) {
            TRY(ept_map(&vm->ept, e->gpa, e->hpa, VM_LOW_END, attr));
            TRY(ept_map(&vm->ept, (gpa_t){VM_HIGH_ROM}, (hpa_t){e->hpa.v + VM_HIGH_ROM},
                        e->len - VM_HIGH_ROM, attr));
        } else {
            TRY(ept_map(&vm->ept, e->gpa, e->hpa, e->len, attr));
        }
    }
    return OK;
}

/* gmem must not see the hole as RAM either. */
static err_t split_low_extent(struct vm *vm)
{
    struct vm_extent *low = &vm->extent[0];

    if (vm->extents == VM_EXTENTS_MAX)
        return E_NOMEM;
    vm->extent[vm->extents++] =
        (struct vm_extent){{VM_HIGH_ROM}, {low->hpa.v + VM_HIGH_ROM}, low->len - VM_HIGH_ROM};
    low->len = VM_LOW_END;
    return OK;
}

static void release(struct vm *vm)
{
    for (u32 i = 0; vm->id != VM_CONTROL && i < vm->extents; i++) {
        const struct vm_extent *e = &vm->extent[i];
        const bool before_hole = e->gpa.v == 0 && e->len == VM_LOW_END;

        if (hostmem_free(e->hpa, before_hole ? VM_HIGH_ROM : e->len, owner(vm)) != OK)
            panic("vm %u: memory at %llx is not its own", vm->id, (unsigned long long)e->hpa.v);
    }
    vm->extents = 0;
}

/* All of a guest's memory is executable.  Where the size of executable pages must not change, every
 * page is small from the beginning: no exits for splitting, and no moment at which it is done. */
static u8 largest_leaf(void)
{
    const struct vmx_caps *caps = &vmx_facts()->caps;

    if (vmx_mitigation_plan()->flags & MITIGATE_EPT_4K)
        return 0;
    return vmx_cap_ept_vpid(caps, EPT_VPID_1G) ? 2 : vmx_cap_ept_vpid(caps, EPT_VPID_2M) ? 1 : 0;
}

static struct vm_extent kept; /* the control partition's; len 0: none yet */

/* The control partition's: in one run, at its own addresses, for DMA.  It is the same in all of its
 * lives: devices that the last life has started may still write to it, and
 * what its guests' rings go on with is kept there. */
static err_t create_identity(struct vm *vm)
{
    const u64 memory = vm->config->memory;

    if (kept.len == 0) {
        TRY(hostmem_alloc(memory, LARGE_PAGE_SIZE, owner(vm), &kept.hpa));
        hostmem_zero(phys_to_virt(kept.hpa), memory);
        kept = (struct vm_extent){{kept.hpa.v}, kept.hpa, memory};
    }
    vm->extent[vm->extents++] = kept;
    return ept_map(&vm->ept, kept.gpa, kept.hpa, memory, EPT_RWX | EPT_WB);
}

static err_t create_pc(struct vm *vm)
{
    const u64 memory = vm->config->memory;

    TRY(allocate(vm, 0, MIN(memory, VM_PCI_HOLE)));
    if (memory > VM_PCI_HOLE)
        TRY(allocate(vm, 4 * GiB, memory - VM_PCI_HOLE));
    if (vm->config->touch != CONFIG_ON)
        TRY(map_all(vm));
    return split_low_extent(vm);
}

/* The control partition chooses where it maps what, and tables stay when a mapping goes.  It gets
 * as many as its mappings may ever need at once, with all of the machine's RAM in small pages and 1
 * GiB of devices, and those for RAM once more, since what comes later may lie elsewhere. */
static u64 tables_allowed(const struct vm *vm)
{
    if (vm->id != VM_CONTROL)
        return ~0ull;
    return (2 * hostmem()->frames + GiB / PAGE_SIZE) / (LARGE_PAGE_SIZE / PAGE_SIZE) +
           GRANT_MAPPINGS * TABLES_AT_ENDS;
}

err_t vm_memory_create(struct vm *vm)
{
    err_t err;

    vm->extents = 0;
    vm->ept = (struct ept){
        .page_alloc = table_alloc,
        .page_free = table_free,
        .to_phys = table_phys,
        .to_virt = table_virt,
        .tables_left = tables_allowed(vm),
        .phys_bits = (u8)(cpuid(0x80000008, 0).eax & CPUID_80000008_EAX_PHYS_BITS),
        .max_leaf = largest_leaf(),
    };
    TRY(ept_init(&vm->ept));
    err = vm->id == VM_CONTROL ? create_identity(vm) : create_pc(vm);
    if (err != OK)
        vm_memory_destroy(vm);
    return err;
}

static hpa_t apic_access(const struct vm *vm)
{
    return (hpa_t){vm->extent[0].hpa.v + VM_LOW_END};
}

static err_t map_apic(struct vm *vm)
{
    return ept_map(&vm->ept, (gpa_t){LAPIC_BASE}, apic_access(vm), PAGE_SIZE,
                   EPT_R | EPT_W | EPT_WB);
}

err_t vm_memory_map_apic(struct vm *vm, u32 vcpu, hpa_t *access, hpa_t *page)
{
    *access = apic_access(vm);
    *page = (hpa_t){access->v + (1 + vcpu) * PAGE_SIZE};
    return vcpu == 0 ? map_apic(vm) : OK;
}

/* The tables stay, so nothing can be missing. */
void vm_memory_show_apic(struct vm *vm, bool shown)
{
    const err_t err = shown ? map_apic(vm) : ept_unmap(&vm->ept, (gpa_t){LAPIC_BASE}, PAGE_SIZE);

    if (err != OK && err != E_EXIST)
        panic("vm %u: the page of the local APIC: error %d", vm->id, err);
    vmx_invept_single(virt_to_phys(vm->ept.root));
    vm->ept.stale = false;
}

void vm_memory_forget_control(void)
{
    if (kept.len && hostmem_free(kept.hpa, kept.len, FRAME_VM + VM_CONTROL) != OK)
        panic("the control partition's memory at %llx is not its own",
              (unsigned long long)kept.hpa.v);
    kept.len = 0;
}

void vm_memory_destroy(struct vm *vm)
{
    vmx_invept_single(virt_to_phys(vm->ept.root));
    ept_destroy(&vm->ept);
    release(vm);
}
