/* Negotiation of VMX controls.  No MSR is read here, so that every processor there ever was
 * can be tried in a unit test.  SDM Vol. 3D, Appendix "VMX Capability Reporting Facility", section
 * "Reserved Controls and Default Settings"; Vol. 3C, "Algorithms for Determining VMX Capabilities".
 * Pure. */
#include "boot/ctl.h"

struct ctl_cap ctl_cap_pair(u64 plain, u64 true_msr)
{
    return (struct ctl_cap){
        .must1 = (u32)true_msr,
        .may1 = true_msr >> 32,
        .default1 = (u32)plain,
    };
}

struct ctl_cap ctl_cap_allowed1(u64 msr)
{
    return (struct ctl_cap){.may1 = msr};
}

err_t ctl_resolve(struct ctl_wish wish, struct ctl_cap cap, struct ctl *out)
{
    const u64 on = wish.must | wish.want;
    const u64 off = wish.never | wish.toggle;
    /* A flexible bit that we have no opinion on is 1 iff the plain MSR says "must be 1":
     * the processor then behaves as one older than the bit. */
    const u64 defaults = cap.default1 & cap.may1 & ~on & ~off;

    out->lacking = (wish.must | wish.toggle) & ~cap.may1;
    out->forced = off & cap.must1;
    out->without = wish.want & ~wish.must & ~cap.may1;
    out->value = cap.must1 | defaults | (on & cap.may1);

    if ((on & off) || (wish.never & wish.toggle) || (cap.must1 & ~cap.may1))
        return E_INVAL;
    return out->lacking || out->forced ? E_NOTSUP : OK;
}
