/* The guest's structures of KVM's paravirtual interface; see pv.h. */
#include "vmm/pv.h"
#include "abi/kvm.h"
#include "vmm/gmem.h"
#include "vmm/vm.h"

/* Each MSR: the feature that offers it, and its structure; an address is a multiple of `align`. */
static const struct pv_row {
    u32 msr, feature;
    u32 align, size; /* bytes */
} rows[] = {
    {MSR_KVM_WALL_CLOCK, KVM_FEATURE_CLOCKSOURCE2, 4, sizeof(struct kvm_wall_clock)},
    {MSR_KVM_SYSTEM_TIME, KVM_FEATURE_CLOCKSOURCE2, 4, sizeof(struct kvm_system_time)},
    {MSR_KVM_STEAL_TIME, KVM_FEATURE_STEAL_TIME, 64, sizeof(struct kvm_steal_time)},
    {MSR_KVM_PV_EOI, KVM_FEATURE_PV_EOI, 4, sizeof(u32)},
};

/* NULL: not offered to this guest. */
static const struct pv_row *find(const struct vcpu *v, u32 msr)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].msr == msr)
            return v->vm->cpuid.kvm_features & rows[i].feature ? &rows[i] : NULL;
    return NULL;
}

static gpa_t address(u64 value, u64 offset)
{
    return (gpa_t){(value & ~(u64)KVM_MSR_ENABLED) + offset};
}

/* `len` bytes at `at`, between two changes of the version: what the guest reads in between is odd,
 * what it reads across is different.  Nothing of the guest's is read. */
static err_t write_versioned(const struct vm *vm, u32 *version, gpa_t version_at, gpa_t at,
                             const void *from, u64 len)
{
    TRY(gmem_write32(vm, version_at, *version + 1));
    TRY(gmem_write(vm, at, from, len));
    *version += 2;
    return gmem_write32(vm, version_at, *version);
}

static err_t write_wall_clock(struct vcpu *v)
{
    const struct kvm_wall_clock wall = pvclock_wall_clock(&v->vm->clock);
    const u64 at = v->pv.wall_clock;

    return write_versioned(v->vm, &v->pv.wall_version, (gpa_t){at},
                           (gpa_t){at + offsetof(struct kvm_wall_clock, sec)}, &wall.sec,
                           sizeof(wall) - offsetof(struct kvm_wall_clock, sec));
}

static void write_system_time(struct vcpu *v)
{
    const struct kvm_system_time time = pvclock_system_time(&v->vm->clock, v->tsc_offset);
    const u64 value = v->pv.system_time;
    const u64 body = offsetof(struct kvm_system_time, pad0);

    if (write_versioned(v->vm, &v->pv.time_version, address(value, 0), address(value, body),
                        &time.pad0, sizeof(time) - body) != OK)
        v->pv.system_time = 0;
}

static void write_steal_time(struct vcpu *v)
{
    const u64 ns = pvclock_ns(&v->vm->clock.scale, v->pv.stolen), value = v->pv.steal_time;

    if (write_versioned(v->vm, &v->pv.steal_version,
                        address(value, offsetof(struct kvm_steal_time, version)), address(value, 0),
                        &ns, sizeof(ns)) != OK)
        v->pv.steal_time = 0;
}

void pv_tsc_moved(struct vcpu *v)
{
    write_system_time(v);
}

void pv_steal_update(struct vcpu *v, u64 waited_ticks)
{
    v->pv.stolen += waited_ticks;
    if (v->pv.steal_time & KVM_MSR_ENABLED)
        write_steal_time(v);
}

void pv_set_preempted(struct vcpu *v, bool preempted)
{
    const gpa_t at = address(v->pv.steal_time, offsetof(struct kvm_steal_time, preempted));
    const u8 byte = preempted ? KVM_PREEMPTED : 0;

    if ((v->pv.steal_time & KVM_MSR_ENABLED) && gmem_write(v->vm, at, &byte, sizeof(byte)) != OK)
        v->pv.steal_time = 0;
}

/* ---------------------------------------------------------------- EOI */

/* Only the lowest bit is Lintel's; the guest runs on no other processor meanwhile. */
static err_t write_eoi_bit(struct vcpu *v, u8 *old, u8 bit)
{
    const gpa_t at = address(v->pv.eoi, 0);
    u8 byte;

    TRY(gmem_read(v->vm, at, &byte, sizeof(byte)));
    *old = byte & KVM_EOI_SHARED;
    byte = (u8)((byte & ~KVM_EOI_SHARED) | bit);
    return gmem_write(v->vm, at, &byte, sizeof(byte));
}

/* Without its vector the local APIC may take a request for deliverable that is not, but never
 * overlooks one that is; who delivers takes the vector back first. */
void pv_eoi_share(struct vcpu *v)
{
    u8 old;

    if (!(v->pv.eoi & KVM_MSR_ENABLED))
        return;
    v->pv.eoi_vector = lapic_lend(&v->lapic);
    if (!v->pv.eoi_vector || write_eoi_bit(v, &old, KVM_EOI_SHARED) == OK)
        return;
    lapic_take_back(&v->lapic, v->pv.eoi_vector);
    v->pv.eoi_vector = 0;
    v->pv.eoi = 0;
}

void pv_eoi_take(struct vcpu *v)
{
    const u8 vector = v->pv.eoi_vector;
    u8 waits = KVM_EOI_SHARED;

    v->pv.eoi_vector = 0;
    if (write_eoi_bit(v, &waits, 0) != OK)
        v->pv.eoi = 0;
    if (waits)
        lapic_take_back(&v->lapic, vector);
}

/* ---------------------------------------------------------------- the MSRs */

static u64 *value_of(struct pv_vcpu *pv, u32 msr)
{
    switch (msr) {
    case MSR_KVM_WALL_CLOCK: return &pv->wall_clock;
    case MSR_KVM_SYSTEM_TIME: return &pv->system_time;
    case MSR_KVM_STEAL_TIME: return &pv->steal_time;
    default: return &pv->eoi;
    }
}

err_t pv_msr_read(const struct vcpu *v, u32 msr, u64 *value)
{
    struct pv_vcpu pv = v->pv;

    if (!find(v, msr))
        return E_INVAL;
    *value = *value_of(&pv, msr);
    return OK;
}

/* Bits below the alignment are reserved, but for the one that enables; the wall clock has none, and
 * is written at any address but 0. */
static err_t check(const struct vcpu *v, const struct pv_row *row, u64 value)
{
    const bool wall = row->msr == MSR_KVM_WALL_CLOCK;
    const u64 flags = wall ? 0 : KVM_MSR_ENABLED;

    if (value & (row->align - 1) & ~flags)
        return E_INVAL;
    if ((wall ? value : value & KVM_MSR_ENABLED) &&
        !gmem_is_ram(v->vm, address(value, 0), row->size))
        return E_RANGE;
    return OK;
}

err_t pv_msr_write(struct vcpu *v, u32 msr, u64 value)
{
    const struct pv_row *row = find(v, msr);

    if (!row)
        return E_INVAL;
    TRY(check(v, row, value));
    if (msr == MSR_KVM_PV_EOI && v->pv.eoi_vector)
        pv_eoi_take(v);
    *value_of(&v->pv, msr) = value;
    if (msr == MSR_KVM_WALL_CLOCK)
        return value ? write_wall_clock(v) : OK;
    if (!(value & KVM_MSR_ENABLED))
        return OK;
    if (msr == MSR_KVM_SYSTEM_TIME)
        write_system_time(v);
    else if (msr == MSR_KVM_STEAL_TIME)
        write_steal_time(v);
    return OK;
}
