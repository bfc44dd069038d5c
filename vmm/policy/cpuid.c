/* A guest's CPUID: what its configuration changes, and what it asks for.  The table of leaves and
 * masks is in boot/cpuid_table.c.  Pure.  SDM Vol. 2A, "CPUID -- CPU Identification". */
#include "vmm/policy/cpuid.h"
#include "abi/kvm.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/cr.h"
#include "vmm/policy/cpuid_topology.h"
#include "vmm/policy/cpuid_xsave.h"

static void put_kvm(struct cpuid_policy *p, const struct cpuid_guest *guest)
{
    if (!guest->paravirt)
        p->kvm_features = 0;
    else if (guest->pv_eoi)
        p->kvm_features |= KVM_FEATURE_PV_EOI;
    p->entry[p->kvm[1].first].eax = p->kvm_features;
}

void cpuid_policy_make(struct cpuid_policy *p, const struct cpuid_policy *machine,
                       const struct cpuid_guest *guest)
{
    *p = *machine;
    cpuid_put_topology(p, guest->cpus);
    put_kvm(p, guest);
    for (u32 i = 0; i < CPUID_BASIC_MAX; i++)
        if (p->basic[i].count == 1 && p->basic[i].live == CPUID_STATIC)
            p->plain[i] = &p->entry[p->basic[i].first];
}

const struct cpuid_answer *cpuid_find(const struct cpuid_policy *p, u32 leaf, u32 subleaf,
                                      u32 *live)
{
    static const struct cpuid_answer nothing;
    const struct cpuid_leaf *l;

    *live = CPUID_STATIC;
    if (leaf <= p->max_basic)
        l = &p->basic[leaf];
    else if (leaf - 0x80000000u < CPUID_EXTENDED_MAX)
        l = &p->extended[leaf - 0x80000000u];
    else if (leaf - CPUID_LINTEL_BASE < 0x100)
        l = leaf - CPUID_LINTEL_BASE < ARRAY_LEN(p->lintel) ? &p->lintel[leaf - CPUID_LINTEL_BASE]
                                                            : NULL;
    else if (leaf - KVM_CPUID_SIGNATURE < ARRAY_LEN(p->kvm) && p->kvm_features)
        l = &p->kvm[leaf - KVM_CPUID_SIGNATURE];
    else
        l = &p->basic[p->max_basic];
    if (!l || l->count == 0)
        return &nothing;
    if (l->count == 1)
        subleaf = 0; /* a leaf without subleaves ignores ECX */
    if (subleaf == 0 || l->live == CPUID_LIVE_X2APIC_ID)
        *live = l->live;
    else if (l->live == CPUID_LIVE_XSAVE && subleaf == 1)
        *live = CPUID_LIVE_XSAVES;
    return subleaf < l->count ? &p->entry[l->first + subleaf] : &nothing;
}

void cpuid_touch_up(const struct cpuid_policy *p, u32 live, const struct cpuid_view *view,
                    struct cpuid_answer *a)
{
    switch (live) {
    case CPUID_LIVE_FEATURES:
        if (view->cr4 & CR4_OSXSAVE)
            a->ecx |= CPUID_1_ECX_OSXSAVE;
        a->ebx |= view->apic_id << 24;
        if (view->apic_off)
            a->edx &= ~(u32)CPUID_1_EDX_APIC;
        break;
    case CPUID_LIVE_OSPKE:
        if (view->cr4 & CR4_PKE)
            a->ecx |= CPUID_7_ECX_OSPKE;
        break;
    case CPUID_LIVE_XSAVE: a->ebx = cpuid_xsave_bytes(p, view->xcr0, false); break;
    case CPUID_LIVE_XSAVES:
        if (a->eax & CPUID_D_1_EAX_XSAVEC)
            a->ebx = cpuid_xsave_bytes(p, view->xcr0, true);
        break;
    case CPUID_LIVE_X2APIC_ID: a->edx = view->apic_id; break;
    default: break;
    }
}
