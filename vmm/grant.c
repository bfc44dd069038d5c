/* See grant.h. */
#include "vmm/grant.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "vmm/boundary.h"
#include "vmm/cpu_share.h"
#include "vmm/gmem.h"
#include "vmm/pmm.h"
#include "vmm/wake.h"

struct mapping {
    u64 len; /* bytes; 0: free */
    gpa_t first, at;
    u32 vm;
};

static struct {
    struct spinlock lock;
    struct vm *control; /* whose EPT has the mappings */
    struct mapping map[GRANT_MAPPINGS];
} grants;

static bool is_pages(gpa_t first, u64 len)
{
    return len != 0 && IS_ALIGNED(first.v | len, PAGE_SIZE) && first.v + len > first.v;
}

/* ------------------------------------------------------------ translations that are remembered */

void grant_flush(struct vcpu *v)
{
    vmx_invept_single(virt_to_phys(v->vm->ept.root));
    v->vm->ept.stale = false;
    store_release(&v->away.flush, 0);
}

/* Its CPU may still use what has been unmapped: it is in the guest, and has not come out. */
static bool may_remember(const struct vcpu *v)
{
    bool may = false;

    spin_lock(&boundary.lock);
    if (boundary.control == v && load_acquire(&v->away.flush)) {
        const u32 cpu = READ_ONCE(v->cpu);

        may = cpu != CPU_NONE &&
              (READ_ONCE(cpu_share[cpu].running) == v || READ_ONCE(cpu_share[cpu].called));
    }
    spin_unlock(&boundary.lock);
    return may;
}

/* Returns when no CPU has a translation that is gone from the control partition's EPT. */
static void forget(void)
{
    struct vcpu *v;

    spin_lock(&boundary.lock);
    v = boundary.control;
    if (v) {
        store_release(&v->away.flush, 1);
        vcpu_ask(v, TODO_WAKE);
    }
    spin_unlock(&boundary.lock);
    while (v && may_remember(v))
        cpu_pause();
}

/* ------------------------------------------------------------ mappings */

/* With the lock. */
static void unmap(struct mapping *m)
{
    if (ept_unmap(&grants.control->ept, m->at, m->len) != OK)
        panic("the control partition's mapping at %llx cannot be taken away",
              (unsigned long long)m->at.v);
    m->len = 0;
}

static bool overlaps(const struct mapping *m, gpa_t first, u64 len)
{
    return m->first.v < first.v + len && first.v < m->first.v + m->len;
}

/* All of a guest's memory in that range.  True: there was something. */
static bool unmap_range(const struct vm *vm, gpa_t first, u64 len)
{
    bool any = false;

    spin_lock(&grants.lock);
    for (u32 i = 0; i < GRANT_MAPPINGS; i++) {
        struct mapping *m = &grants.map[i];

        if (m->len == 0 || m->vm != vm->id || !overlaps(m, first, len))
            continue;
        unmap(m);
        any = true;
    }
    spin_unlock(&grants.lock);
    return any;
}

static bool is_granted(const struct vm *vm, gpa_t first, u64 len)
{
    if (vm->config->served == CONFIG_SERVED_MEMORY)
        return true;
    for (u32 i = 0; i < SERVED_GRANTS; i++) {
        const struct served_grant *g = &vm->served.grant[i];

        if (first.v >= g->first.v && first.v - g->first.v <= g->len &&
            len <= g->len - (first.v - g->first.v))
            return true;
    }
    return false;
}

/* A run of RAM for each extent of the guest's.  What has been mapped when one fails is unmapped. */
static err_t map_runs(struct vm *control, const struct vm *vm, gpa_t first, u64 len, gpa_t at)
{
    u64 done = 0;

    while (done < len) {
        const gpa_t gpa = {first.v + done};
        const u64 run = gmem_run(vm, gpa, len - done);
        const err_t err =
            ept_map(&control->ept, (gpa_t){at.v + done}, virt_to_phys(gmem_pointer(vm, gpa, run)),
                    run, EPT_R | EPT_W | EPT_WB);

        if (err != OK) {
            if (ept_unmap(&control->ept, at, done) != OK)
                panic("half a mapping at %llx cannot be taken away", (unsigned long long)at.v);
            return err;
        }
        done += run;
    }
    return OK;
}

static struct mapping *free_mapping(void)
{
    for (u32 i = 0; i < GRANT_MAPPINGS; i++)
        if (grants.map[i].len == 0)
            return &grants.map[i];
    return NULL;
}

err_t grant_map(struct vm *control, const struct vm *vm, gpa_t first, u64 len, gpa_t at)
{
    struct mapping *m;
    err_t err = E_NOMEM;

    if (!is_pages(first, len) || !is_pages(at, len))
        return E_INVAL;
    spin_lock(&grants.lock);
    m = free_mapping();
    if (m && (!is_granted(vm, first, len) || !gmem_is_ram(vm, first, len)))
        err = E_PERM;
    else if (m)
        err = map_runs(control, vm, first, len, at);
    if (err == OK) {
        grants.control = control;
        *m = (struct mapping){.len = len, .first = first, .at = at, .vm = vm->id};
    }
    spin_unlock(&grants.lock);
    return err;
}

err_t grant_unmap(struct vm *control, gpa_t at)
{
    err_t err = E_NOENT;

    spin_lock(&grants.lock);
    for (u32 i = 0; i < GRANT_MAPPINGS; i++) {
        if (grants.map[i].len == 0 || grants.map[i].at.v != at.v)
            continue;
        unmap(&grants.map[i]);
        err = OK;
    }
    spin_unlock(&grants.lock);
    if (err == OK)
        vmx_invept_single(virt_to_phys(control->ept.root)); /* the caller's own CPU */
    return err;
}

bool grant_allows(gpa_t at, u16 owner)
{
    bool allowed = false;

    spin_lock(&grants.lock);
    for (u32 i = 0; i < GRANT_MAPPINGS; i++)
        allowed |=
            at.v - grants.map[i].at.v < grants.map[i].len && owner == FRAME_VM + grants.map[i].vm;
    spin_unlock(&grants.lock);
    return allowed;
}

void grant_drop(const struct vm *vm)
{
    if (unmap_range(vm, (gpa_t){0}, BIT(52)))
        forget();
}

void grant_drop_all(void)
{
    spin_lock(&grants.lock);
    for (u32 i = 0; i < GRANT_MAPPINGS; i++)
        if (grants.map[i].len)
            unmap(&grants.map[i]);
    grants.control = NULL;
    spin_unlock(&grants.lock);
}

/* ------------------------------------------------------------ grants */

err_t grant_give(struct vm *vm, gpa_t first, u64 len, u32 *number)
{
    err_t err = E_NOMEM;

    if (!is_pages(first, len))
        return E_INVAL;
    if (!gmem_is_ram(vm, first, len))
        return E_RANGE;
    spin_lock(&grants.lock);
    for (u32 i = 0; i < SERVED_GRANTS && err != OK; i++) {
        if (vm->served.grant[i].len != 0)
            continue;
        vm->served.grant[i] = (struct served_grant){first, len};
        *number = i;
        err = OK;
    }
    spin_unlock(&grants.lock);
    return err;
}

err_t grant_revoke(struct vm *vm, u64 number)
{
    struct served_grant gone = {{0}, 0};

    if (number >= SERVED_GRANTS)
        return E_NOENT;
    spin_lock(&grants.lock);
    gone = vm->served.grant[number];
    vm->served.grant[number].len = 0;
    spin_unlock(&grants.lock);
    if (gone.len == 0)
        return E_NOENT;
    if (vm->config->served != CONFIG_SERVED_MEMORY && unmap_range(vm, gone.first, gone.len))
        forget();
    return OK;
}
