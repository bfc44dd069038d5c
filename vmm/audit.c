/* The audit of page tables, EPT and frame owners. */
#include "vmm/audit.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "vmm/bootinfo.h"
#include "vmm/grant.h"
#include "vmm/hostmem.h"
#include "vmm/policy/devices.h"
#include "vmm/vm.h"

#define X(v) ((unsigned long long)(v))

struct audit_count {
    const struct vm *vm;
    u64 pages;  /* of the hypervisor's address space, leaves */
    u64 frames; /* of the guest, 4 KiB */
    u64 tables; /* of the guest's EPT */
};

static void check_host_leaf(void *arg, u64 va, hpa_t pa, u64 len, bool writable, bool executable)
{
    struct audit_count *count = arg;

    count->pages++;
    if (writable && executable)
        panic("audit: %llx bytes at %llx (physical %llx) are writable and executable", X(len),
              X(va), X(pa.v));
    if (va == 0)
        panic("audit: page 0 is mapped");
}

/* Frames of others in the control partition's EPT: granted, or a device's. */
static bool is_lent(const struct vm *vm, gpa_t gpa, u16 owner)
{
    if (vm->id != VM_CONTROL)
        return false;
    return owner == FRAME_NONE ? devices_have_memory(bootinfo(), gpa.v, PAGE_SIZE)
                               : grant_allows(gpa, owner);
}

static bool check_guest_leaf(void *arg, gpa_t gpa, const struct ept_leaf *leaf)
{
    struct audit_count *count = arg;
    const u64 len = PAGE_SIZE << (9 * leaf->level);

    for (u64 at = 0; at < len; at += PAGE_SIZE) {
        const u16 owner = pmm_owner(hostmem(), (hpa_t){leaf->hpa.v + at});

        if (owner != FRAME_VM + count->vm->id && !is_lent(count->vm, (gpa_t){gpa.v + at}, owner))
            panic("audit: vm %u reaches frame %llx at guest-physical %llx, owner %u", count->vm->id,
                  X(leaf->hpa.v + at), X(gpa.v + at), owner);
    }
    count->frames += len / PAGE_SIZE;
    return true;
}

static bool check_table(void *arg, const u64 *table)
{
    struct audit_count *count = arg;

    if (pmm_owner(hostmem(), virt_to_phys(table)) != FRAME_LINTEL)
        panic("audit: an EPT table of vm %u is not in Lintel's memory", count->vm->id);
    count->tables++;
    return true;
}

void audit(const struct vm *vm)
{
    struct audit_count count = {.vm = vm};

    paging_for_each(check_host_leaf, &count);
    if (vm) {
        ept_for_each(&vm->ept, check_guest_leaf, &count);
        ept_for_each_table(&vm->ept, check_table, &count);
    }
    log_info("audit: %llu host leaves, no W+X; %llu guest frames, all its own; %llu EPT tables",
             X(count.pages), X(count.frames), X(count.tables));
}
