/* The guest-memory gate. */
#include "vmm/gmem.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "ept/gva_walk.h"
#include "lib/atomic.h"
#include "lib/mem.h"
#include "vmm/policy/cr.h"
#include "vmm/record.h"

static const struct vm_extent *find_extent(const struct vm *vm, gpa_t gpa)
{
    for (u32 i = 0; i < vm->extents; i++)
        if (gpa.v - vm->extent[i].gpa.v < vm->extent[i].len)
            return &vm->extent[i];
    return NULL;
}

void *gmem_pointer(const struct vm *vm, gpa_t gpa, u64 len)
{
    const struct vm_extent *e = find_extent(vm, gpa);
    const u64 offset = e ? gpa.v - e->gpa.v : 0;

    if (!e || len > e->len - offset)
        return NULL;
    return (u8 *)phys_to_virt(e->hpa) + offset;
}

u64 gmem_run(const struct vm *vm, gpa_t gpa, u64 len)
{
    const struct vm_extent *e = find_extent(vm, gpa);

    return e ? MIN(len, e->len - (gpa.v - e->gpa.v)) : 0;
}

bool gmem_is_ram(const struct vm *vm, gpa_t gpa, u64 len)
{
    while (len) {
        const u64 run = gmem_run(vm, gpa, len);

        if (!run)
            return false;
        gpa.v += run;
        len -= run;
    }
    return true;
}

err_t gmem_read(const struct vm *vm, gpa_t gpa, void *out, u64 len)
{
    u8 *to = out;

    if (!gmem_is_ram(vm, gpa, len))
        return E_RANGE;
    while (len) {
        const u64 run = gmem_run(vm, gpa, len);

        copy_opaque(to, gmem_pointer(vm, gpa, run), run);
        record_read(gpa, to, run);
        gpa.v += run;
        to += run;
        len -= run;
    }
    return OK;
}

err_t gmem_write(const struct vm *vm, gpa_t gpa, const void *from, u64 len)
{
    const u8 *source = from;

    if (!gmem_is_ram(vm, gpa, len))
        return E_RANGE;
    while (len) {
        const u64 run = gmem_run(vm, gpa, len);

        copy_opaque(gmem_pointer(vm, gpa, run), source, run);
        record_write(gpa, source, run);
        gpa.v += run;
        source += run;
        len -= run;
    }
    return OK;
}

err_t gmem_write32(const struct vm *vm, gpa_t gpa, u32 value)
{
    u32 *to = gmem_pointer(vm, gpa, sizeof(*to));

    if (!to)
        return E_RANGE;
    WRITE_ONCE(*to, value);
    record_write(gpa, &value, sizeof(value));
    return OK;
}

static bool read_table(void *ctx, gpa_t gpa, void *out, u32 len)
{
    const void *entry = gmem_pointer(ctx, gpa, len);

    /* A page-table entry is aligned: one load is a snapshot of it. */
    if (!entry)
        return false;
    if (len == sizeof(u64))
        *(u64 *)out = READ_ONCE(*(const u64 *)entry);
    else
        *(u32 *)out = READ_ONCE(*(const u32 *)entry);
    record_read(gpa, out, len);
    return true;
}

static struct gva_space space_of(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;

    struct gva_space space = {
        .cr0 = gs_get(g, GS_CR0),
        .cr3 = gs_get(g, GS_CR3),
        .cr4 = gs_get(g, GS_CR4),
        .efer = gs_get(g, GS_EFER),
        .phys_bits = v->vm->cpuid.phys_bits,
        .no_1g = !v->vm->cpuid.has_1g,
        .user = vcpu_cpl(v) == 3,
        .ac = gs_get(g, GS_RFLAGS) & RFLAGS_AC,
        .read = read_table,
        .ctx = v->vm,
    };

    if ((space.cr4 & CR4_PAE) && !(space.efer & EFER_LMA))
        for (u32 i = 0; i < ARRAY_LEN(space.pdpte); i++)
            space.pdpte[i] = gs_get(g, (enum guest_field)(GS_PDPTE0 + i));
    return space;
}

static err_t translate(struct vcpu *v, const struct gva_space *space, u64 gva, u32 access,
                       gpa_t *out, struct gmem_fault *fault)
{
    struct gva_result r = {0};
    err_t err;

    if (!(gs_get(&v->vmx.guest, GS_CR0) & CR0_PG)) {
        *out = (gpa_t){(u32)gva};
        return OK;
    }
    err = gva_walk(space, gva, access, &r);
    *out = r.gpa;
    *fault = (struct gmem_fault){gva, r.fault_error};
    return err == E_RANGE ? E_INVAL : err;
}

err_t gmem_translate(struct vcpu *v, u64 gva, u32 access, gpa_t *out, struct gmem_fault *fault)
{
    const struct gva_space space = space_of(v);

    return translate(v, &space, gva, access, out, fault);
}

err_t gmem_translate_system(struct vcpu *v, u64 gva, u32 access, gpa_t *out,
                            struct gmem_fault *fault)
{
    struct gva_space space = space_of(v);

    space.user = space.ac = false;
    return translate(v, &space, gva, access, out, fault);
}

err_t gmem_load_pdptes(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;
    u64 pdpte[4] = {0};

    TRY(gmem_read(v->vm, (gpa_t){gs_get(g, GS_CR3) & 0xffffffe0}, pdpte, sizeof(pdpte)));
    for (u32 i = 0; i < ARRAY_LEN(pdpte); i++)
        TRY(pdpte_check(pdpte[i], v->vm->cpuid.phys_bits));
    for (u32 i = 0; i < ARRAY_LEN(pdpte); i++)
        gs_set(g, (enum guest_field)(GS_PDPTE0 + i), pdpte[i]);
    return OK;
}

struct walker {
    const struct vm *vm;
    struct gmem_walk *walk;
};

static bool read_and_note(void *ctx, gpa_t gpa, void *out, u32 len)
{
    const struct walker *walker = ctx;
    struct gmem_walk *walk = walker->walk;
    const u64 *entry = gmem_pointer(walker->vm, gpa, sizeof(*entry));

    if (!entry || len != sizeof(*entry) || walk->levels == ARRAY_LEN(walk->entry))
        return false;
    *(u64 *)out = READ_ONCE(*entry);
    walk->entry[walk->levels] = entry;
    walk->value[walk->levels++] = *(u64 *)out;
    return true;
}

err_t gmem_walk(struct vcpu *v, u64 gva, u32 access, struct gmem_walk *walk, gpa_t *out)
{
    struct walker walker = {.vm = v->vm, .walk = walk};
    struct gva_space space = space_of(v);
    struct gmem_fault fault;

    walk->levels = 0;
    space.read = read_and_note;
    space.ctx = &walker;
    return translate(v, &space, gva, access, out, &fault);
}

/* Calls gmem_read or gmem_write page by page. */
static err_t copy_gva(struct vcpu *v, u64 gva, u32 access, u8 *buf, u32 len,
                      struct gmem_fault *fault)
{
    const struct gva_space space = space_of(v);

    while (len) {
        const u32 run = MIN(len, (u32)(PAGE_SIZE - (gva & (PAGE_SIZE - 1))));
        gpa_t gpa;

        TRY(translate(v, &space, gva, access, &gpa, fault));
        if (access & GVA_WRITE)
            TRY(gmem_write(v->vm, gpa, buf, run));
        else
            TRY(gmem_read(v->vm, gpa, buf, run));
        gva += run;
        buf += run;
        len -= run;
    }
    return OK;
}

err_t gmem_read_gva(struct vcpu *v, u64 gva, u32 access, void *out, u32 len,
                    struct gmem_fault *fault)
{
    return copy_gva(v, gva, access & ~(u32)GVA_WRITE, out, len, fault);
}

err_t gmem_write_gva(struct vcpu *v, u64 gva, const void *from, u32 len, struct gmem_fault *fault)
{
    u8 copy[16];

    if (len > sizeof(copy))
        return E_INVAL;
    memcpy(copy, from, len);
    return copy_gva(v, gva, GVA_WRITE, copy, len, fault);
}
